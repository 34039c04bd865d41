// Kafka's variable-length integers: zigzag, then seven bits a byte, lowest first. A varint holds 32 bits, a varlong here
// 53 (what a JavaScript number holds exactly).

const LOW_31 = 2 ** 31

/** How many bytes `value` takes. */
export function varintSize(value: number): number {
  let rest = zigzag(value)
  let size = 1
  while (rest >= 0x80) {
    rest = Math.floor(rest / 0x80)
    size++
  }
  return size
}

/** Writes `value` at `position`; answers the position behind it. */
export function writeVarint(into: Uint8Array, position: number, value: number): number {
  let rest = zigzag(value)
  while (rest >= LOW_31) {
    into[position++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  while (rest >= 0x80) {
    into[position++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  into[position++] = rest
  return position
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1
}

/** Reads varints one after the other. Past the end, or beyond 53 bits, `failed` is set and zeros are read. */
export class VarintReader {
  readonly bytes: Uint8Array
  position: number
  failed = false

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes
    this.position = position
  }

  next(): number {
    const bytes = this.bytes
    let byte = bytes[this.position++]
    if (byte < 0x80) return byte & 1 ? -(byte + 1) / 2 : byte / 2
    let value = 0
    let scale = 1
    while (byte >= 0x80 && scale < 2 ** 49) {
      value += (byte & 0x7f) * scale
      scale *= 0x80
      byte = bytes[this.position++]
    }
    if (byte === undefined || byte >= 0x80) {
      this.failed = true
      return 0
    }
    value += byte * scale
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2
  }
}

// A key, or a header with its value, as 64 bits: what an index of dead letters knows of it.
//
// Two different ones are the same by chance in one of 2^64 cases. The seed is drawn anew with each start, so that nobody can
// make them the same on purpose. Good enough to count by; who moves or removes records looks at the records themselves.

interface Field {
  from: number
  to: number
}

export class Fingerprints {
  readonly #lowSeed: number
  readonly #highSeed: number
  #low = 0
  #high = 0

  /** `seed` is 8 bytes of chance. */
  constructor(seed: Buffer) {
    this.#lowSeed = seed.readUInt32LE(0)
    this.#highSeed = seed.readUInt32LE(4)
  }

  /** Appends the low and the high half. */
  ofKey(bytes: Uint8Array, from: number, to: number, prints: number[]): void {
    this.#begin(-1)
    this.#mix(bytes, from, to)
    this.#end(prints)
  }

  /** Appends the low and the high half. */
  ofHeader(bytes: Uint8Array, name: Field, value: Field, prints: number[]): void {
    this.#begin(name.to - name.from)
    this.#mix(bytes, name.from, name.to)
    this.#mix(bytes, value.from, value.to)
    this.#end(prints)
  }

  /** Those of a filter. */
  of({ key, headers }: { key?: string; headers: readonly (readonly [name: string, value: string])[] }): number[] {
    const prints: number[] = []
    if (key !== undefined) {
      const bytes = Buffer.from(key)
      this.ofKey(bytes, 0, bytes.length, prints)
    }
    for (const [name, value] of headers) {
      const bytes = Buffer.concat([Buffer.from(name), Buffer.from(value)])
      const size = Buffer.byteLength(name)
      this.ofHeader(bytes, { from: 0, to: size }, { from: size, to: bytes.length }, prints)
    }
    return prints
  }

  #begin(kind: number): void {
    this.#low = this.#lowSeed ^ kind
    this.#high = this.#highSeed + kind
  }

  #mix(bytes: Uint8Array, from: number, to: number): void {
    let low = this.#low
    let high = this.#high
    for (let i = from; i < to; i++) {
      low = Math.imul(low ^ bytes[i], 0x9e3779b1)
      high = Math.imul(high ^ bytes[i], 0x5f356495)
    }
    this.#low = low
    this.#high = high
  }

  /** All bits come to depend on all bytes. */
  #end(prints: number[]): void {
    const low =
      Math.imul(this.#low ^ (this.#low >>> 16), 0x85ebca6b) ^ Math.imul(this.#high ^ (this.#high >>> 13), 0xc2b2ae35)
    const high = Math.imul(this.#high ^ (this.#high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35)
    prints.push(low >>> 0, high >>> 0)
  }
}

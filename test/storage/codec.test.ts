// test/faults/README.md row I1: any bytes into any codec give their contents, or a word why not, in bounded time and memory. What the
// codecs do with whole batches of a real Kafka is in test/kafka/golden.test.ts.

import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { type Codec, decompress } from '../../storage/batch/codec.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const KIB = 1024
const MIB = 1024 * KIB
const PACKED: Codec[] = ['gzip', 'snappy', 'lz4', 'zstd']

/** What a block of lz4 or snappy says: literal bytes, or a run of what was there `distance` bytes ago. */
type Step = { literal: Buffer } | { distance: number; length: number }

/** Steps as the formats can say them, by chance: a run reaches back to what there is, and follows a literal. */
const steps: fc.Arbitrary<Step[]> = fc
  .array(
    fc.record({
      literal: fc.uint8Array({ minLength: 1, maxLength: 300 }),
      back: fc.double({ min: 0, max: 1, noNaN: true }),
      length: fc.oneof(fc.integer({ min: 4, max: 40 }), fc.integer({ min: 4, max: 2_000 })),
    }),
    { minLength: 1, maxLength: 20 },
  )
  .map((rows) => {
    const made: Step[] = []
    let size = 0
    for (const { literal, back, length } of rows) {
      size += literal.length
      made.push({ literal: Buffer.from(literal) }, { distance: 1 + Math.floor(back * (size - 1)), length })
      size += length
    }
    return [...made, { literal: Buffer.from(rows[0].literal) }]
  })

function contentsOf(all: readonly Step[]): Buffer {
  const bytes: number[] = []
  for (const step of all) {
    if ('literal' in step) bytes.push(...step.literal)
    else for (let i = 0; i < step.length; i++) bytes.push(bytes[bytes.length - step.distance])
  }
  return Buffer.from(bytes)
}

function sizeOf(all: readonly Step[]): number {
  return all.reduce((size, step) => size + ('literal' in step ? step.literal.length : step.length), 0)
}

function lz4Block(all: readonly Step[]): Buffer {
  const more = (length: number) => {
    const bytes: number[] = []
    for (let rest = length - 15; rest >= 0; rest -= 255) bytes.push(Math.min(rest, 255))
    return Buffer.from(bytes)
  }
  const parts: Uint8Array[] = []
  for (let i = 0; i < all.length; i += 2) {
    const { literal } = all[i] as { literal: Buffer }
    const run = all[i + 1] as { distance: number; length: number } | undefined
    const length = run === undefined ? 0 : run.length - 4
    parts.push(Buffer.from([(Math.min(literal.length, 15) << 4) | Math.min(length, 15)]), more(literal.length), literal)
    if (run !== undefined) parts.push(Buffer.from([run.distance & 255, run.distance >>> 8]), more(length))
  }
  return Buffer.concat(parts)
}

interface FrameFlags {
  alone?: boolean
  checksums?: boolean
  contentSize?: boolean
}

function lz4Frame(blocks: readonly { bytes: Buffer; stored?: boolean }[], flags: FrameFlags = { alone: true }): Buffer {
  const { alone = false, checksums = false, contentSize = false } = flags
  const bits = 0x40 | (alone ? 0x20 : 0) | (checksums ? 0x14 : 0) | (contentSize ? 0x08 : 0)
  const parts: Uint8Array[] = [
    Buffer.from([0x04, 0x22, 0x4d, 0x18, bits, 0x40]),
    Buffer.alloc(contentSize ? 8 : 0),
    Buffer.of(0),
  ]
  for (const { bytes, stored = false } of blocks) {
    const size = Buffer.alloc(4)
    size.writeUInt32LE((bytes.length | (stored ? 0x80000000 : 0)) >>> 0)
    parts.push(size, bytes, Buffer.alloc(checksums ? 4 : 0))
  }
  return Buffer.concat([...parts, Buffer.alloc(4), Buffer.alloc(checksums ? 4 : 0)])
}

function snappyBlock(all: readonly Step[]): Buffer {
  const parts: Uint8Array[] = []
  for (const step of all) {
    if ('literal' in step) {
      const count = step.literal.length - 1
      if (count < 60) parts.push(Buffer.of(count << 2))
      else parts.push(count < 256 ? Buffer.of(60 << 2, count) : Buffer.of(61 << 2, count & 255, count >>> 8))
      parts.push(step.literal)
      continue
    }
    const { distance } = step
    for (let left = step.length; left > 0; ) {
      const length = Math.min(left, 64)
      // All three forms of a copy, each where it can say this.
      if (length >= 4 && length <= 11 && distance < 2048) {
        parts.push(Buffer.of(1 | ((length - 4) << 2) | ((distance >>> 8) << 5), distance & 255))
      } else if (distance % 2 === 0) {
        parts.push(Buffer.of(2 | ((length - 1) << 2), distance & 255, distance >>> 8))
      } else parts.push(Buffer.of(3 | ((length - 1) << 2), distance & 255, distance >>> 8, 0, 0))
      left -= length
    }
  }
  return Buffer.concat([unsigned(sizeOf(all)), ...parts])
}

/** A varint without a sign. */
function unsigned(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}

function xerial(blocks: readonly Buffer[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from('82534e41505059000000000100000001', 'hex')]
  for (const block of blocks) {
    const size = Buffer.alloc(4)
    size.writeUInt32BE(block.length)
    parts.push(size, block)
  }
  return Buffer.concat(parts)
}

function isContents(codec: Codec, block: Buffer, contents: Buffer): boolean {
  const unpacked = decompress(codec, block, contents.length)
  return Buffer.isBuffer(unpacked) && unpacked.equals(contents)
}

t.test('whatever lz4 can say in a block is unpacked', async () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 4 }), fc.boolean(), fc.boolean(), (all, checksums, contentSize) => {
      const blocks = all.map((one) => ({ bytes: lz4Block(one) }))
      const stored = { bytes: Buffer.from('stored as it is'), stored: true }
      const contents = Buffer.concat([...all.map(contentsOf), stored.bytes])
      return isContents('lz4', lz4Frame([...blocks, stored], { alone: true, checksums, contentSize }), contents)
    }),
    { numRuns: 300 },
  )
})

t.test('blocks of lz4 that lean on those before them are unpacked, in a frame that says so', async (t) => {
  const first = lz4Block([{ literal: Buffer.from('abcdef') }])
  // No literals, a run of 8 from 6 bytes back, then one literal.
  const second = Buffer.from([0x04, 6, 0, 0x10, 0x21])
  const frame = (alone: boolean) => lz4Frame([{ bytes: first }, { bytes: second }], { alone })
  t.equal(String(decompress('lz4', frame(false), KIB)), 'abcdefabcdefab!')
  t.equal(decompress('lz4', frame(true), KIB), 'damaged', 'not where each stands alone')
})

t.test('whatever snappy can say is unpacked, bare and in xerial’s framing', async () => {
  fc.assert(
    fc.property(fc.array(steps, { minLength: 1, maxLength: 4 }), (all) => {
      const framed = xerial(all.map(snappyBlock))
      return (
        isContents('snappy', snappyBlock(all[0]), contentsOf(all[0])) &&
        isContents('snappy', framed, Buffer.concat(all.map(contentsOf)))
      )
    }),
    { numRuns: 300 },
  )
})

t.test('a block of snappy does not lean on the one before it', async (t) => {
  const first = snappyBlock([{ literal: Buffer.from('abcdef') }])
  const leaning = Buffer.from([6, 2 | (5 << 2), 6, 0])
  t.equal(decompress('snappy', xerial([first, leaning]), KIB), 'damaged')
})

t.test('nothing at all is packed too', async (t) => {
  const empty = Buffer.alloc(0)
  t.ok(isContents('gzip', gzipSync(empty), empty))
  t.ok(isContents('zstd', zstdCompressSync(empty), empty))
  t.ok(isContents('lz4', lz4Frame([]), empty))
  t.ok(isContents('snappy', xerial([]), empty))
  t.ok(isContents('snappy', Buffer.of(0), empty))
  for (const codec of PACKED) t.equal(decompress(codec, empty, KIB), 'damaged', codec)
  for (const [codec, block] of [
    ['gzip', gzipSync('a')],
    ['zstd', zstdCompressSync('a')],
    ['lz4', lz4Frame([{ bytes: Buffer.from('a'), stored: true }])],
    ['snappy', snappyBlock([{ literal: Buffer.from('a') }])],
  ] as const) {
    t.equal(decompress(codec, block, 0), 'too large', `${codec}: no room at all`)
  }
})

/** Small blocks that say they are much. */
function bomb(codec: Codec): Buffer {
  const contents = Buffer.alloc(16 * MIB)
  if (codec === 'gzip') return gzipSync(contents)
  if (codec === 'zstd') return zstdCompressSync(contents)
  const all: Step[] = [
    { literal: Buffer.of(0) },
    { distance: 1, length: contents.length - 2 },
    { literal: Buffer.of(0) },
  ]
  return codec === 'lz4' ? lz4Frame([{ bytes: lz4Block(all) }]) : snappyBlock(all)
}

t.test('a bomb is noticed at the bound, and takes no more memory than that', async (t) => {
  const outside = () => {
    const { external, arrayBuffers } = process.memoryUsage()
    return external + arrayBuffers
  }
  for (const codec of PACKED) {
    const block = bomb(codec)
    t.ok(block.length < 2 * MIB, `${codec}: ${block.length} bytes`)
    const before = outside()
    t.equal(decompress(codec, block, MIB), 'too large', codec)
    t.ok(outside() - before < 8 * MIB, `${codec} stays bounded`)
    const whole = decompress(codec, block, 16 * MIB)
    t.equal(whole.length, 16 * MIB, `${codec}: exactly the bound is allowed`)
    t.equal(decompress(codec, block, 16 * MIB - 1), 'too large', `${codec}: a byte less is not`)
  }
})

t.test('snappy that only says it is large is damaged, and takes nothing', async (t) => {
  t.equal(decompress('snappy', Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x61]), MIB), 'damaged')
})

t.test('cut, changed and made-up blocks give contents within the bound or a word, never anything else', async (t) => {
  const random = new SeededRandom(1)
  const contents = Buffer.from('{"order":17,"text":"some text that repeats, some text that repeats"}'.repeat(20))
  const all: Step[] = [{ literal: contents.subarray(0, 60) }, { distance: 30, length: 900 }, { literal: contents }]
  const good: Record<string, Buffer[]> = {
    gzip: [gzipSync(contents)],
    zstd: [zstdCompressSync(contents)],
    lz4: [lz4Frame([{ bytes: lz4Block(all) }]), lz4Frame([{ bytes: lz4Block(all) }], { checksums: true })],
    snappy: [snappyBlock(all), xerial([snappyBlock(all), snappyBlock(all)])],
  }
  for (const codec of PACKED) {
    const outcomes = { contents: 0, damaged: 0, 'too large': 0 }
    const look = (block: Buffer, what: string) => {
      const unpacked = decompress(codec, block, 4 * KIB)
      if (Buffer.isBuffer(unpacked) && unpacked.length > 4 * KIB) t.fail(`${codec}, ${what}: ${unpacked.length} bytes`)
      outcomes[Buffer.isBuffer(unpacked) ? 'contents' : unpacked]++
    }
    for (const block of good[codec]) {
      for (let size = 0; size < block.length; size++) look(block.subarray(0, size), `cut at ${size}`)
      for (let i = 0; i < 3_000; i++) {
        const changed = Buffer.from(block)
        for (let n = random.between(1, 3); n > 0; n--)
          changed[random.between(0, block.length - 1)] = random.between(0, 255)
        look(changed, `change ${i}`)
      }
      // The first bytes good, so that it gets somewhere.
      for (let i = 0; i < 1_000; i++) {
        const kept = random.between(0, 20)
        look(Buffer.concat([block.subarray(0, kept), random.bytes(random.between(0, 200))]), `made up ${i}`)
      }
    }
    t.ok(outcomes.damaged > 0, `${codec}: ${JSON.stringify(outcomes)}`)
  }
})

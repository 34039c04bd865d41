// test/faults/README.md row D14 over what Kafka wrote: whatever happens to an index or a time index, reads by offset and by time
// answer what they answered before.

import t from 'tap'
import { readPage } from '../../storage/index.ts'
import { Golden } from './golden.ts'

interface Answers {
  offsets: number[][]
  times: (number | undefined)[]
  /** What retention goes by. */
  maxTimestampMs: number
}

/** What a segment answers with these bytes as one of its indexes. */
async function answersWith(golden: Golden, name: string, ending: string, bytes: Buffer): Promise<Answers> {
  const segment = await golden.segment(name)
  golden.disk.place(golden.path(name.replace(/log$/, ending)), bytes)
  const { batches } = golden.segments.find(({ file }) => file === name) ?? { batches: [] }
  const answers: Answers = { offsets: [], times: [], maxTimestampMs: -1 }
  for (const { lastOffset } of batches as { lastOffset: number }[]) {
    const page = readPage(await segment.read(lastOffset, 300), lastOffset)
    answers.offsets.push([...page.records.map(({ offset }) => offset), page.nextOffset])
  }
  for (const { maxTimestamp } of batches as { maxTimestamp: number }[]) {
    for (const time of [maxTimestamp, maxTimestamp + 1]) answers.times.push(await segment.offsetForTime(time))
  }
  answers.maxTimestampMs = segment.maxTimestampMs
  return answers
}

function* damagesOf(bytes: Buffer): Generator<{ what: string; damaged: Buffer }> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = Buffer.from(bytes)
    damaged[bit >>> 3] ^= 1 << (bit & 7)
    yield { what: `bit ${bit} flipped`, damaged }
  }
  for (let size = 0; size < bytes.length; size++) yield { what: `cut to ${size}`, damaged: bytes.subarray(0, size) }
  yield { what: 'zeros', damaged: Buffer.alloc(bytes.length) }
  yield { what: 'zeros behind it', damaged: Buffer.concat([bytes, Buffer.alloc(24)]) }
  yield { what: 'doubled', damaged: Buffer.concat([bytes, bytes]) }
  yield { what: 'the bytes of something else', damaged: Buffer.alloc(bytes.length + 5, 'something else') }
}

for (const folder of ['none-0', 'compacted-0']) {
  for (const ending of ['index', 'timeindex']) {
    t.test(`${folder}: a damaged ${ending} changes no answer`, async (t) => {
      const golden = new Golden(folder)
      let count = 0
      for (const name of golden.names('.log')) {
        const bytes = golden.file(name.replace(/log$/, ending))
        const expected = JSON.stringify(await answersWith(golden, name, ending, bytes))
        for (const { what, damaged } of damagesOf(bytes)) {
          const found = JSON.stringify(await answersWith(golden, name, ending, damaged))
          if (found !== expected) return void t.fail(`${name}, ${what}: ${found} in place of ${expected}`)
          count++
        }
      }
      t.ok(count > 100, `${count} kinds of damage`)
    })
  }
}

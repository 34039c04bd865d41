// Numbered messages say their number wherever they come back.

import t from 'tap'
import { NumberedLines, numberOf, ownIdOf, scattered, textOf } from './numbered.ts'

t.test('a value tells its number and has the size that was asked for', async (t) => {
  for (const n of [0, 7, 9_999_999]) {
    const text = textOf(n, 200)
    t.equal(text.length, 200)
    t.equal(numberOf(text), n)
    t.equal(numberOf(Buffer.from(text)), n)
  }
  t.ok(Number.isNaN(numberOf('something else')))
})

t.test('lines that are used again say only what they were asked for last', async (t) => {
  for (const ownIds of [false, true]) {
    const lines = new NumberedLines({ messages: 3, size: 64, ownIds })
    lines.lines(0, 3, () => 1_111_111_111_111)
    const text = lines.lines(12_345, 12_347, (n) => 1_800_000_000_000 + n).toString()
    const messages = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    t.same(
      messages,
      [12_345, 12_346].map((n) => {
        const message = { value: textOf(n, 64), deliverAt: 1_800_000_000_000 + n }
        return ownIds ? { ...message, id: ownIdOf(n) } : message
      }),
    )
  }
})

t.test('scattered numbers are the same each time, below their bound and spread evenly', async (t) => {
  const tenths = new Array(10).fill(0)
  for (let n = 0; n < 10_000; n++) tenths[Math.floor(scattered(n, 7_200_000) / 720_000)]++
  t.equal(scattered(17, 1_000), scattered(17, 1_000))
  for (const count of tenths) t.ok(count > 850 && count < 1_150, `${count}`)
})

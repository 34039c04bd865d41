// Each row of the table of damage: every bit and every length that it speaks of leads to what it says;
// `npm test` tries a sample (sampled.ts).

import t from 'tap'
import { LOG_DAMAGE } from '../../storage/damage.ts'
import { sampled } from '../support/sampled.ts'
import { damagesOf, killedLog, outcomeOf } from './damaged-log.ts'

// Minutes of a loaded machine; seconds of a quiet one.
t.setTimeout(300_000)

const original = await killedLog()
const damages = damagesOf(original)

t.test('the table has a row for every damage that is tried', (t) => {
  t.same(LOG_DAMAGE.map(({ file, hit }) => `${file}: ${hit}`).sort(), Object.keys(damages).sort())
  t.end()
})

for (const { file, hit, verdict, code } of LOG_DAMAGE) {
  t.test(`${file}, ${hit}: ${verdict}`, async (t) => {
    const expected = { verdict: verdict === 'rebuild' ? 'keep' : verdict, code, wrong: [] }
    let tried = 0
    for (const { path, place, bytes } of sampled(damages[`${file}: ${hit}`]())) {
      const disk = original.afterKill()
      if (bytes === undefined) disk.takeAway(path)
      else disk.place(path, bytes)
      const outcome = await outcomeOf(disk, path)
      tried++
      if (outcome.verdict !== expected.verdict || outcome.code !== code || outcome.wrong.length > 0) {
        return void t.same(outcome, expected, `${path}, ${place}`)
      }
    }
    t.ok(tried > 0, `${tried} damages`)
  })
}

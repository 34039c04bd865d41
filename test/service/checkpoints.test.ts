import t from 'tap'
import { Checkpoints } from '../../service/checkpoints.ts'
import { SILENT } from '../../storage/index.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

t.test('parts write checkpoints one after the other, each interval and after so much journal', async (t) => {
  const clock = new ManualClock()
  const said: string[] = []
  let journalBytes = 0
  const part = (name: string) => ({
    async checkpoint() {
      said.push(`${name} begins`)
      await settle()
      said.push(`${name} ends`)
    },
  })
  const checkpoints = new Checkpoints({
    clock,
    log: SILENT,
    intervalMs: 30_000,
    journalBytesMax: 1000,
    journalBytes: () => journalBytes,
    parts: [part('wheel'), part('groups')],
    onFailure: (error) => t.fail(String(error)),
  })
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      await clock.advance(1000)
      await settle()
      await settle()
    }
  }
  checkpoints.start()
  await pass(29)
  t.same(said, [])
  await pass(2)
  t.same(said, ['wheel begins', 'wheel ends', 'groups begins', 'groups ends'])
  journalBytes = 999
  await pass(5)
  t.equal(said.length, 4)
  journalBytes = 1000
  await pass(2)
  t.equal(said.length, 8, 'after so much journal')
  await pass(25)
  t.equal(said.length, 8, 'counted from the last one on')
  await pass(10)
  t.equal(said.length, 12)
  await checkpoints.stop()
  await pass(60)
  t.equal(said.length, 12)
})

// The power is cut at every call that the scenario makes of the disk and of the overflow store; and ten times in a row, or
// the process is killed, while it starts again. What runs afterwards has to agree with everything that was answered. See
// sampled.ts for which calls `npm test` tries.

import t from 'tap'
import { Said } from '../storage/log-on-simulated-disk.ts'
import { sampled, sampledCount } from '../support/sampled.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { agrees, CHANGES, callsOfScenario, run } from './sweep-scenario.ts'
import { Machine } from './wheel-on-simulated-disk.ts'

// Minutes of a loaded machine; seconds of a quiet one.
t.setTimeout(300_000)

const ROUNDS = sampledCount(60)

t.test('power cut at any call: nothing acknowledged is lost, early or there twice', async (t) => {
  const calls = await callsOfScenario()
  let tried = 0
  let onSynced = 0
  for (const [at, what] of sampled(calls.entries())) {
    if (!CHANGES.test(what)) continue
    tried++
    const said = new Said()
    const machine = Machine.empty({ seed: at, log: said })
    machine.disk.onCall = (call) => (call === at ? 'die before' : 'go on')
    const scenario = await run(machine)
    const next = machine.powerless(new SeededRandom(at))
    if (!(await agrees(t, next, scenario, `power cut at call ${at}: ${what}`))) return
    const { because } = said.lines.findLast(({ sentence }) => sentence === 'The wheel is open.')?.fields ?? {}
    if (because === 'what was synced is there') onSynced++
  }
  t.ok(onSynced > tried / 3, `${tried} of ${calls.length} calls; ${onSynced} went on from the synced checkpoint`)
})

t.test('killed and cut off ten times in a row while it starts: the same as after one start', async (t) => {
  const calls = await callsOfScenario()
  const random = new SeededRandom(10)
  for (let round = 0; round < ROUNDS; round++) {
    const at = random.between(60, calls.length - 1)
    let machine = Machine.empty({ seed: round })
    machine.disk.onCall = (call) => (call === at ? 'die before' : 'go on')
    const scenario = await run(machine)
    for (let times = 0; times < 10; times++) {
      machine = random.chance(0.5) ? machine.killed() : machine.powerless(random.fork())
      const dying = random.between(0, 50)
      machine.disk.onCall = (call) => (call === dying ? random.pick(['die before', 'die after']) : 'go on')
      // The last calls of a start may lie before that one: then it dies while it runs.
      const started = machine.start()
      started.catch(() => {})
      await Promise.race([machine.disk.death, started])
    }
    if (!(await agrees(t, machine.killed(), scenario, `round ${round}, first at call ${at}`))) return
  }
  t.pass(`${ROUNDS} rounds of 10 crashes, from seed 10`)
})

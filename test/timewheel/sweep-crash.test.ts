// The process is killed at every call that the scenario makes of the disk and of the overflow store. What runs afterwards has
// to agree with everything that was answered. sweep-power-cut.test.ts does the same to the machine. See sampled.ts for which
// calls `npm test` tries.

import t from 'tap'
import { sampled } from '../support/sampled.ts'
import { agrees, CHANGES, callsOfScenario, run } from './sweep-scenario.ts'
import { Machine } from './wheel-on-simulated-disk.ts'

// Minutes of a loaded machine; seconds of a quiet one.
t.setTimeout(300_000)

t.test('the scenario itself', async (t) => {
  const machine = Machine.empty()
  const scenario = await run(machine)
  const { delayed, log } = scenario
  t.comment(`${machine.disk.calls} calls, ${delayed.acknowledgedCount} messages, ${log.acknowledgedCount} appends`)
  t.ok(await agrees(t, machine.killed(), scenario, 'without a fault'))
})

t.test('killed at any call: nothing acknowledged is lost, early or there twice', async (t) => {
  const calls = await callsOfScenario()
  let tried = 0
  for (const [at, what] of sampled(calls.entries())) {
    if (!CHANGES.test(what)) continue
    tried++
    const machine = Machine.empty({ seed: at })
    machine.disk.onCall = (call) => (call === at ? 'die after' : 'go on')
    const scenario = await run(machine)
    if (!(await agrees(t, machine.killed(), scenario, `killed at call ${at}: ${what}`))) return
  }
  t.pass(`${tried} of ${calls.length} calls`)
})

// npm run sim: runs seeds, one after the other, and says which found something wrong and how to run them again.
//
//   npm run sim -- --seeds 1000             so many seeds, from 1 on
//   npm run sim -- --seeds 1000 --from 5000
//   npm run sim -- --seed 17 --trace        one seed, with every line of its trace
//   --twice                                 each seed twice: both traces must be the same
//   --world delivery                        only groups, for each seed; or only the `wheel` and the log
//
// A seed plays log and wheel; one of five plays groups as well, on a machine of its own.

import { parseArgs } from 'node:util'
import { simulateDelivery } from './delivery/delivery-simulation.ts'
import { simulate } from './simulation.ts'

const DELIVERY_ONE_OF = 5

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    twice: { type: 'boolean', default: false },
    world: { type: 'string' },
    'keep-going': { type: 'boolean', default: false },
  },
})
const from = Number(flags.seed ?? flags.from)
const count = flags.seed === undefined ? Number(flags.seeds) : 1
const print = flags.trace ? (line: string) => console.log(line) : undefined

const beganMs = performance.now()
let simulatedMs = 0
let messages = 0
let lives = 0
let failed = 0
for (let seed = from; seed < from + count; seed++) {
  const isSound = await play(seed)
  if (!isSound && !flags['keep-going']) break
}
const wallMs = performance.now() - beganMs
console.log(
  `${count} seeds, ${lives} lives of the service, ${messages} messages, ${Math.round(simulatedMs / 3_600_000)} simulated hours ` +
    `in ${(wallMs / 1000).toFixed(1)} s: ${Math.round(simulatedMs / wallMs)} times faster than the clock on the wall; ${failed} failed`,
)
process.exitCode = failed === 0 ? 0 : 1

/** Plays a seed in each of its worlds; false when something was wrong. */
async function play(seed: number): Promise<boolean> {
  let isSound = true
  if (flags.world !== 'delivery') isSound = await playIn('wheel', seed)
  const withGroups = flags.world === undefined ? seed % DELIVERY_ONE_OF === 0 : flags.world === 'delivery'
  if (withGroups) isSound = (await playIn('delivery', seed)) && isSound
  return isSound
}

async function playIn(world: 'wheel' | 'delivery', seed: number): Promise<boolean> {
  const run = world === 'wheel' ? simulate : simulateDelivery
  const outcome = await run(seed, print)
  simulatedMs += outcome.simulatedMs
  messages += outcome.messages
  lives += outcome.lives
  const again = flags.twice ? await run(seed) : outcome
  const isSame = again.hash === outcome.hash
  if (!isSame) console.log(`SEED ${seed} of ${world} is not the same twice: ${outcome.hash}, ${again.hash}`)
  if (count === 1) console.log(`seed ${seed} of ${world}: ${outcome.lines} lines, trace ${outcome.hash}`)
  const isSound = outcome.wrong.length === 0
  if (!isSound) {
    console.log(`SEED ${seed} of ${world} found something wrong:`)
    for (const sentence of outcome.wrong.slice(0, 5)) console.log(`  ${sentence}`)
    if (!flags.trace) console.log(`  the last that happened:\n    ${outcome.lastLines.slice(-25).join('\n    ')}`)
    console.log(`  again: npm run sim -- --seed ${seed} --world ${world} --trace`)
  }
  if (!isSame || !isSound) failed++
  return isSame && isSound
}

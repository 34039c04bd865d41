// npm run sim: runs seeds, one after the other, and says which found something wrong and how to run them again.
//
//   npm run sim -- --seeds 1000             so many seeds, from 1 on
//   npm run sim -- --seeds 1000 --from 5000
//   npm run sim -- --seed 17 --trace        one seed, with every line of its trace
//   --twice                                 each seed twice: both traces must be the same

import { parseArgs } from 'node:util'
import { simulate } from './simulation.ts'

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    twice: { type: 'boolean', default: false },
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
  const outcome = await simulate(seed, print)
  simulatedMs += outcome.simulatedMs
  messages += outcome.messages
  lives += outcome.lives
  if (flags.twice) {
    const { hash } = await simulate(seed)
    if (hash !== outcome.hash) {
      console.log(`SEED ${seed} is not the same twice: ${outcome.hash}, ${hash}`)
      failed++
    }
  }
  if (count === 1) console.log(`seed ${seed}: ${outcome.lines} lines, trace ${outcome.hash}`)
  if (outcome.wrong.length === 0) continue
  failed++
  console.log(`SEED ${seed} found something wrong:`)
  for (const sentence of outcome.wrong.slice(0, 5)) console.log(`  ${sentence}`)
  if (!flags.trace) console.log(`  the last that happened:\n    ${outcome.lastLines.slice(-25).join('\n    ')}`)
  console.log(`  again: npm run sim -- --seed ${seed} --trace`)
  if (!flags['keep-going']) break
}
const wallMs = performance.now() - beganMs
console.log(
  `${count} seeds, ${lives} lives of the service, ${messages} messages, ${Math.round(simulatedMs / 3_600_000)} simulated hours ` +
    `in ${(wallMs / 1000).toFixed(1)} s: ${Math.round(simulatedMs / wallMs)} times faster than the clock on the wall; ${failed} failed`,
)
process.exitCode = failed === 0 ? 0 : 1

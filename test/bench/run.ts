// npm run bench: figures of a real server on this machine, each with its settings.
//
//   npm run bench                         all parts
//   npm run bench -- publish consume      some of them, in this order
//   --seconds 4                           length of each run with a load generator
//   --lateness-seconds 35                 length of each run of `lateness`: more than the interval of checkpoints
//   --messages 1000000                    how many are pending in `burst`, `memory`, `growth`, `recovery` and `changes`
//   --rounds 6                            how often sick and healthy endpoints take turns in `push-neighbours`
//   --dead-letters 100000                 how many there are in `dead-letters`
//   --kills 0                             how often the server is killed in `changes`
//   --install-peers                       first brings the package that is measured beside: npm ci --prefix test/bench/peers
//   DWELL_BENCH_DIR=/var/tmp              where servers keep their data

import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { amplification } from './amplification.ts'
import { burst } from './burst.ts'
import { changes } from './changes.ts'
import { consume } from './consume.ts'
import { deadLetters } from './dead-letters.ts'
import { frontDoor } from './front-door.ts'
import { growth } from './growth.ts'
import { hotKey, keyOrder } from './key-order.ts'
import { lateness } from './lateness.ts'
import { memory } from './memory.ts'
import { ndjson } from './ndjson.ts'
import { publishRatio } from './publish-ratio.ts'
import { pushAnswers } from './push-answers.ts'
import { pushNeighbours } from './push-neighbours.ts'
import { pushRate } from './push-rate.ts'
import { read } from './read.ts'
import { recovery } from './recovery.ts'
import { scrape } from './scrape.ts'
import { tiers } from './tiers.ts'
import { topics } from './topics.ts'
import { waiting } from './waiting.ts'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '4' },
    'lateness-seconds': { type: 'string', default: '35' },
    messages: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '6' },
    'dead-letters': { type: 'string', default: '100000' },
    kills: { type: 'string', default: '0' },
    'install-peers': { type: 'boolean', default: false },
  },
})
const seconds = Number(flags.seconds)
const messages = Number(flags.messages)
const PARTS: Record<string, () => Promise<void>> = {
  publish: () => publishRatio(seconds),
  'front-door': () => frontDoor(seconds),
  ndjson: () => ndjson(seconds),
  read: () => read(seconds),
  consume: () => consume(seconds),
  'key-order': keyOrder,
  'hot-key': hotKey,
  lateness: () => lateness(Number(flags['lateness-seconds'])),
  burst: () => burst(messages),
  tiers,
  waiting,
  push: async () => {
    await pushAnswers()
    await pushRate(50_000)
  },
  'push-neighbours': () => pushNeighbours(Number(flags.rounds), 10),
  'dead-letters': () => deadLetters(Number(flags['dead-letters'])),
  topics: () => topics(seconds),
  scrape: () => scrape(seconds),
  recovery: () => recovery(messages),
  amplification,
  memory: () => memory(messages),
  growth: () => growth(messages),
  changes: () => changes(messages, Number(flags.kills)),
}

const wanted = positionals.length > 0 ? positionals : Object.keys(PARTS)
const unknown = wanted.find((name) => !(name in PARTS))
if (unknown !== undefined) {
  console.error(`There is no part ${unknown}; there are ${Object.keys(PARTS).join(', ')}.`)
  process.exit(2)
}
if (flags['install-peers']) {
  execFileSync('npm', ['ci', '--prefix', join(import.meta.dirname, 'peers')], { stdio: 'inherit' })
}
console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0].model}`)
for (const name of wanted) await PARTS[name]()

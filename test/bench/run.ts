// npm run bench: figures of a real server on this machine, each with its settings.
//
//   npm run bench                         all parts
//   npm run bench -- publish consume      some: publish ndjson read consume lateness tiers topics recovery amplification million
//   --seconds 4                           length of each run with a load generator
//   --million 1000000                     how many messages are pending in `million`

import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { amplification } from './amplification.ts'
import { consume } from './consume.ts'
import { lateness } from './lateness.ts'
import { million } from './million.ts'
import { ndjson } from './ndjson.ts'
import { publishRatio } from './publish-ratio.ts'
import { read } from './read.ts'
import { recovery } from './recovery.ts'
import { tiers } from './tiers.ts'
import { topics } from './topics.ts'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '4' }, million: { type: 'string', default: '1000000' } },
})
const seconds = Number(flags.seconds)
const PARTS: Record<string, () => Promise<void>> = {
  publish: () => publishRatio(seconds),
  ndjson: () => ndjson(seconds),
  read: () => read(seconds),
  consume,
  lateness,
  tiers,
  topics: () => topics(seconds),
  recovery,
  amplification,
  million: () => million(Number(flags.million)),
}

const wanted = positionals.length > 0 ? positionals : Object.keys(PARTS)
const unknown = wanted.find((name) => !(name in PARTS))
if (unknown !== undefined) {
  console.error(`There is no part ${unknown}; there are ${Object.keys(PARTS).join(', ')}.`)
  process.exit(2)
}
console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0].model}`)
for (const name of wanted) await PARTS[name]()

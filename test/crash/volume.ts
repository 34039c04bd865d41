// A run of a million messages, or as many as one likes: a real server, with the settings it has by default but for a wheel that
// does not reach so far, is killed a few times while messages are published, changed, listed, counted and read; then all is read,
// twice, with a kill between, and the checker judges the history as a program of its own.
//
//   node test/crash/volume.ts --messages 1000000
//
//   --kills 4     how often it is ended under load, at once or as it should be
//   --within 100  in so many seconds the last is due
//   --seed N      repeats the choices of an earlier run
//   --keep        keeps the working folder, with the history in it, also when nothing is wrong

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { History } from '../checker/history.ts'
import { DwellProcess, freePort } from '../support/dwell-process.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { sleep } from './caller.ts'
import { describe, lookUp, readPage, scrape } from './reading.ts'
import { VOLUME_PARTITIONS, VOLUME_TOPICS, VolumeWorkload } from './volume-workload.ts'

const { values: flags } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    kills: { type: 'string', default: '4' },
    within: { type: 'string', default: '100' },
    seed: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})
const messages = Number(flags.messages)
const kills = Number(flags.kills)
const seed = flags.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(flags.seed)

/** Two of five messages are due beyond the reach of the wheel. */
const WHEEL_SECONDS = Math.max(10, Math.round(0.6 * Number(flags.within)))
const SETTINGS = {
  DWELL_WHEEL_SLOTS: String(WHEEL_SECONDS),
  DWELL_CHECKPOINT_INTERVAL: '5s',
  // What was answered must still be known at the end.
  DWELL_DEDUPLICATION_WINDOW: '1d',
  DWELL_LOG_LEVEL: 'info',
}
/** Beyond what any dispatch takes once nothing new comes. */
const REST_MS = 5_000

const beganMs = Date.now()
const work = mkdtempSync(join(tmpdir(), 'dwell-volume-'))
const historyPath = join(work, 'history.jsonl')
const history = new History(historyPath, { keep: false })
const random = new SeededRandom(seed)
const port = await freePort()
console.log(`volume: ${messages} messages, ${kills} kills, seed ${seed}, in ${work}`)

let server = await start()
const workload = new VolumeWorkload({
  history,
  random: random.fork(),
  messages,
  wheelMs: WHEEL_SECONDS * 1000,
  delayMsMax: Number(flags.within) * 1000,
})
for (const topic of VOLUME_TOPICS) {
  await server.client.call('PUT', `/v1/topics/${topic}`, { body: { partitions: VOLUME_PARTITIONS } })
}
const published = workload.run(server.client)
for (let kill = 1; kill <= kills; kill++) {
  const at = (kill / (kills + 1)) * messages
  while (workload.published < at) await sleep(50)
  await restart(random.chance(0.5))
}
await published
say(`${workload.published} messages are published`)
while (Date.now() < workload.lastDueMs + REST_MS) await sleep(100)
await workload.stop()
say('everything is due')
await readAll()
await restart(true)
await readAll()
await server.stop()
history.note('server ended')
history.close()
say(`the history has ${history.count} lines, ${Math.round(statSync(historyPath).size / 1024 / 1024)} MiB`)

const { status } = spawnSync(process.execPath, [join(import.meta.dirname, '..', 'checker', 'run.ts'), historyPath], {
  stdio: 'inherit',
})
process.exitCode = status === 0 ? 0 : 1
if (status === 0 && !flags.keep) rmSync(work, { recursive: true, force: true })
else console.log(`everything is kept in ${work}`)
say('done')

async function start(): Promise<DwellProcess> {
  const options = { dataDirectory: join(work, 'data'), logPath: join(work, 'server.log'), settings: SETTINGS, port }
  const started = await DwellProcess.start(options)
  history.note('server started')
  return started
}

/** Ends the server, at once or as it should be, and starts the next one. */
async function restart(hard: boolean): Promise<void> {
  workload.pause()
  const exit = await (hard ? server.kill() : server.stop())
  history.note('server ended')
  server = await start()
  say(
    `${hard ? 'killed' : 'stopped'} (${exit.signal ?? exit.code}), ready again after ${Math.round(server.readyMs)} ms`,
  )
  workload.resume(server.client)
}

/** What stands in every partition, what the counters say, and what became of a part of what was changed. */
async function readAll(): Promise<void> {
  history.note('final read')
  const { client } = server
  await scrape(client, history)
  for (const topic of VOLUME_TOPICS) {
    const { partitions } = await describe(client, history, topic)
    for (const [partition, { logStartOffset, highWatermark }] of partitions.entries()) {
      for (let from = logStartOffset; from < highWatermark; )
        from = (await readPage(client, history, { topic, partition, from })).nextOffset
    }
  }
  const { changed } = workload
  for (let i = 0; i < changed.length; i += 32) {
    await Promise.all(changed.slice(i, i + 32).map((one) => lookUp(client, history, one)))
  }
  await scrape(client, history)
}

function say(what: string): void {
  console.log(`${Math.round((Date.now() - beganMs) / 1000)} s: ${what}`)
}

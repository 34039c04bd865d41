// Follows one partition of Dwell's log in a process of its own, asking again each millisecond, and notes when each numbered
// message is to be seen there: dispatched, durable, readable by everybody.
//
//   node test/bench/follower.ts JSON        started by lateness

import { setTimeout as sleep } from 'node:timers/promises'
import { valueOfRecordBody } from '../../storage/index.ts'
import { runLoad } from './load-process.ts'
import { numberOf } from './numbered.ts'
import { Pages } from './pages.ts'
import { wallMs } from './wall-clock.ts'

export interface FollowerOptions {
  port: number
  topic: string
  partition: number
  count: number
}

export interface FollowerResult {
  /** By number; 0 of one that is in another partition. */
  seenMs: Float64Array
}

const PAUSE_MS = 1

if (import.meta.main) await runLoad(follow)

async function follow(
  { port, topic, partition, count }: FollowerOptions,
  ready: () => void,
  onTold: (tell: () => void) => void,
): Promise<FollowerResult> {
  const pages = new Pages(port)
  const seenMs = new Float64Array(count)
  let stopping = false
  onTold(() => (stopping = true))
  ready()
  for (let offset = 0; ; ) {
    const { records, nextOffset } = await pages.read(topic, partition, offset)
    const atMs = wallMs()
    for (const { body } of records) {
      const n = numberOf(valueOfRecordBody(body) as Buffer)
      if (seenMs[n] === 0) seenMs[n] = atMs
    }
    if (stopping && records.length === 0) break
    offset = nextOffset
    await sleep(PAUSE_MS)
  }
  pages.close()
  return { seenMs }
}

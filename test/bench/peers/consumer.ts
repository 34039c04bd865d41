// Takes and finishes the numbered messages of one peer, in a process of its own, and notes when each was in its hands.

import { setTimeout as sleep } from 'node:timers/promises'
import { runLoad } from '../load-process.ts'
import { clockStepMs, wallMs } from '../wall-clock.ts'
import { peerNamed } from './peers.ts'

export interface ConsumerOptions {
  peer: string
  port: number
  /** Another one than usual. */
  topic?: string
  /** How many messages there will be, from number 0 on. */
  count: number
  consumers: number
  /** Each has one message in its hands at a time. */
  single?: boolean
}

/** All is published: end when all has come, and a little later in case one comes twice, or when it takes too long. */
export interface Finish {
  withinMs: number
}

export interface ConsumerResult {
  /** By number; 0 of one that never came. */
  takenMs: Float64Array
  taken: number
  twice: number
  /** Of those that are in no one's plan. */
  unknown: number
  finished: number
  /** When the last one was finished. */
  finishedMs: number
  clockStepMs: number
}

const AGAIN_MS = 1_000
const LOOK_MS = 20

if (import.meta.main) await runLoad(consume)

async function consume(
  { peer, port, topic, count, consumers, single }: ConsumerOptions,
  ready: () => void,
  onTold: (tell: (finish: Finish) => void) => void,
): Promise<ConsumerResult> {
  const result = { takenMs: new Float64Array(count), taken: 0, twice: 0, unknown: 0, finished: 0, finishedMs: 0 }
  const told = new Promise<Finish>((resolve) => onTold(resolve))
  const stop = peerNamed(peer)
    .connect(port, topic)
    .consume({
      consumers,
      single,
      onTaken(n, atMs) {
        if (!(n < count)) result.unknown++
        else if (result.takenMs[n] !== 0) result.twice++
        else {
          result.takenMs[n] = atMs
          result.taken++
        }
      },
      onFinished(finished) {
        result.finished += finished
        result.finishedMs = wallMs()
      },
    })
  ready()
  const { withinMs } = await told
  const untilMs = wallMs() + withinMs
  while (result.finished < count && wallMs() < untilMs) await sleep(LOOK_MS)
  await sleep(AGAIN_MS)
  await stop()
  return { ...result, clockStepMs: clockStepMs() }
}

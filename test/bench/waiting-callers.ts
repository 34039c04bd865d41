// Calls of acquire that wait, a connection each, in a process of their own: each takes one record, accepts it, and waits again.
//
//   node test/bench/waiting-callers.ts JSON        started by waiting

import { HttpConnection } from './http-connection.ts'
import { runLoad } from './load-process.ts'
import { wallMs } from './wall-clock.ts'

export interface CallersOptions {
  port: number
  topic: string
  /** Over which the calls are spread evenly. */
  groups: number
  calls: number
}

export interface Waking {
  group: number
  /** The number of the message. */
  n: number
  /** From sending the publish to having the record. */
  tookMs: number
}

export interface CallersResult {
  wakings: Waking[]
  /** By call, how many records it got. */
  served: number[]
}

/** So many connections are opened at a time: fewer than the system lets wait for the server. */
const OPENED = 100
const WAIT = '{"max":1,"wait":"5m","lock":"5m"}'

if (import.meta.main) await runLoad(callAll)

async function callAll(
  { port, topic, groups, calls }: CallersOptions,
  ready: () => void,
  onTold: (tell: () => void) => void,
): Promise<CallersResult> {
  const told = new Promise<void>((resolve) => onTold(resolve))
  const wakings: Waking[] = []
  const served = new Array<number>(calls).fill(0)
  const connections: HttpConnection[] = []
  const failed = Promise.withResolvers<never>()
  for (let call = 0; call < calls; call++) {
    const connection = new HttpConnection(port)
    connections.push(connection)
    wait(connection, call).catch(failed.reject)
    // The server answers in order: what was opened before is taken in by then.
    if (call % OPENED === OPENED - 1) await isThere(port)
  }
  ready()
  await Promise.race([told, failed.promise])
  for (const connection of connections) connection.close()
  return { wakings, served }

  async function wait(connection: HttpConnection, call: number): Promise<void> {
    const group = call % groups
    const path = `/v1/topics/${topic}/groups/group-${group}`
    for (;;) {
      const answer = await connection.post(`${path}/acquire`, WAIT)
      const atMs = wallMs()
      const { receipt, value } = JSON.parse(answer).records[0]
      if (typeof value.n === 'number') {
        wakings.push({ group, n: value.n, tookMs: atMs - value.sentMs })
        served[call]++
      }
      await connection.post(`${path}/acknowledge`, JSON.stringify({ acknowledgements: [{ receipt, type: 'accept' }] }))
    }
  }
}

async function isThere(port: number): Promise<void> {
  await fetch(`http://127.0.0.1:${port}/healthz`)
}

// What becomes of a message, by what its endpoint does: one topic, a group for each kind of endpoint, one message. Each row is
// held against what it has to be; the run ends with an error where one is not.

import { freePort } from '../support/dwell-process.ts'
import { BenchServer } from './bench-server.ts'
import { LoadProcess } from './load-process.ts'
import { textOf } from './numbered.ts'
import { ENDPOINTS, type ReceiverOptions, type ReceiverResult, type ReceiverTold } from './push-receiver.ts'
import { printTable, type Row } from './table.ts'
import { wallMs } from './wall-clock.ts'

const TIERS = ['200ms', '400ms']
const TIMEOUT = '1s'
const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
const PATIENCE_MS = 30_000
const REASON_SHOWN = 50

/** `pushes` and end of each; all others are pushed in each tier and die. */
const ENDS: Readonly<Record<string, { pushes: number; end: string }>> = {
  accepts: { pushes: 1, end: 'accepted' },
  'fails-twice': { pushes: 3, end: 'accepted' },
  'is-busy-once': { pushes: 2, end: 'accepted' },
  'is-busy-until': { pushes: 2, end: 'accepted' },
  rejects: { pushes: 1, end: 'CLIENT_REJECT' },
  gone: { pushes: 2, end: 'kept, accepted after resume' },
}
const DEAD = { pushes: TIERS.length + 1, end: 'DELIVERY_COUNT_EXCEEDED' }

interface Description {
  push: { paused?: { reason: string } }
  partitions: { startOffset: number; inFlight: number; waiting: Record<string, number> }[]
}

interface DeadLetter {
  cause: string
  reason: string
  attempts: { cause: string }[]
}

export async function pushAnswers(): Promise<void> {
  const port = await freePort()
  const options: ReceiverOptions = { port, count: 1, secret: SECRET, verifyEach: 1, tells: true }
  const receiver = new LoadProcess<ReceiverResult>('push-receiver.ts', options)
  const server = await BenchServer.start({ DWELL_PUSH_ALLOWED_HOSTS: '127.0.0.1' })
  try {
    await receiver.ready
    await server.call('PUT', '/v1/topics/orders', { partitions: 1 })
    for (const endpoint of ENDPOINTS) {
      const push = { url: `http://127.0.0.1:${port}/${endpoint}/`, timeout: TIMEOUT, secret: SECRET }
      await server.call('PUT', groupPath(endpoint), { retry: TIERS, push })
    }
    const publishedMs = wallMs()
    await server.call('POST', '/v1/topics/orders/messages', { value: textOf(0, 100) })
    await settled(server)
    const fates = new Map<string, Awaited<ReturnType<typeof fateOf>>>()
    for (const endpoint of ENDPOINTS) fates.set(endpoint, await fateOf(server, endpoint))
    receiver.tell('recover' satisfies ReceiverTold)
    await server.call('POST', `${groupPath('gone')}/resume`)
    await settled(server)
    receiver.tell('finish' satisfies ReceiverTold)
    const { told } = await receiver.result
    const rows = ENDPOINTS.map((endpoint): Row => {
      const pushes = told.filter((push) => push.endpoint === endpoint)
      const { end, causes, reason } = fates.get(endpoint) as Awaited<ReturnType<typeof fateOf>>
      const right = ENDS[endpoint] ?? DEAD
      const isRight = pushes.length === right.pushes && end === right.end && pushes.every(({ verified }) => verified)
      return {
        endpoint,
        answers: pushes.map(({ behaved }) => behaved).join(' · '),
        'pushed after ms': pushes.map(({ atMs }) => Math.round(atMs - publishedMs)).join(', '),
        count: pushes.map(({ deliveryCount }) => deliveryCount).join(', '),
        genuine: pushes.filter(({ verified }) => verified).length,
        end,
        attempts: causes,
        reason,
        right: isRight ? 'yes' : 'no',
      }
    })
    const settings = `one message each, tiers ${TIERS.join(', ')}, timeout ${TIMEOUT}; every signature verified with standardwebhooks`
    printTable('push: what an endpoint answers, and what becomes of the message', settings, rows)
    const wrong = rows.filter((row) => row.right === 'no').map(({ endpoint }) => endpoint)
    if (wrong.length > 0) throw new Error(`not as it has to be: ${wrong.join(', ')}`)
  } finally {
    receiver.kill()
    await server.stop()
  }
}

function groupPath(endpoint: string): string {
  return `/v1/topics/orders/groups/${endpoint}`
}

/** Resolves when nothing happens to any message any more: each is done, or in the hand of an endpoint that is paused. */
async function settled(server: BenchServer): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS
  for (;;) {
    // What waits for its own delay is asked first: it goes from there to the groups, never back unseen.
    const delayed = await server.metric('dwell_delayed_pending')
    const descriptions = await Promise.all(ENDPOINTS.map((endpoint) => describe(server, endpoint)))
    if (delayed === 0 && descriptions.every(isSettled)) return
    if (performance.now() > untilMs) throw new Error('messages that came to no end')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function isSettled({ push, partitions: [{ startOffset, inFlight, waiting }] }: Description): boolean {
  if (push.paused !== undefined) return true
  return startOffset === 1 && inFlight === 0 && Object.values(waiting).every((count) => count === 0)
}

async function describe(server: BenchServer, endpoint: string): Promise<Description> {
  return (await server.call('GET', groupPath(endpoint))) as Description
}

/** What Dwell says of the message. */
async function fateOf(server: BenchServer, endpoint: string): Promise<{ end: string; causes: string; reason: string }> {
  const { paused } = (await describe(server, endpoint)).push
  if (paused !== undefined) return { end: 'kept, accepted after resume', causes: '', reason: paused.reason }
  const { records } = (await server.call('GET', `${groupPath(endpoint)}/dead-letters`)) as { records: DeadLetter[] }
  if (records.length === 0) return { end: 'accepted', causes: '', reason: '' }
  const [{ cause, reason, attempts }] = records
  return {
    end: cause,
    causes: `${attempts.length} × ${[...new Set(attempts.map((attempt) => attempt.cause))].join(', ')}`,
    reason: reason.slice(0, REASON_SHOWN),
  }
}

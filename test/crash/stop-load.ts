// What is under way when the server of a stop round is told to stop: publishers, calls that wait, half of an upload, connections
// without a request, pushes and a redrive. Each part knows what it must be given, and says what it was not.

import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type HttpClient, NoAnswer } from '../support/http-client.ts'

const WAITING_CALLS = 8
const ACQUIRERS = 8
const UPLOADS = 4
const CONNECTIONS_OF_A_KIND = 4
/** Of a delayed message; every second one is. */
export const DELAY_MS = 2_000
const READY_LOOK_MS = 50
const PUSHES = 200
const PUSH_MS = 150
const REDRIVEN = 60
const REDRIVE_RATE = 30
const JSON_TYPE = { 'content-type': 'application/json' }

/** Messages by number: what was answered with success, and what may come of it. */
export class Numbers {
  next = 0
  readonly acknowledged = new Set<number>()
}

interface Failure {
  begunMs: number
  why: string
}

/**
 * Requests that got no answer though a connection was there: of such a one its client cannot know what came of it. On a new
 * connection: the port took it in and was closed; on a used one: it was closed as the request was on its way.
 */
export class Resets {
  fresh = 0
  reused = 0

  count(error: unknown): void {
    if (!(error instanceof NoAnswer) || !error.sent) return
    if (error.reused) this.reused++
    else this.fresh++
  }
}

/** Publish until told not to. */
export class Publishers {
  readonly #failures: Failure[] = []
  readonly #done: Promise<unknown>
  readonly #resets: Resets
  #isOver = false

  constructor(client: HttpClient, count: number, numbers: Numbers, resets: Resets) {
    this.#resets = resets
    this.#done = Promise.all(Array.from({ length: count }, () => this.#publish(client, numbers)))
  }

  async #publish(client: HttpClient, numbers: Numbers): Promise<void> {
    while (!this.#isOver) {
      const begunMs = performance.now()
      const number = numbers.next++
      const body = { value: number, delay: number % 2 === 0 ? 0 : DELAY_MS }
      try {
        const { status, text } = await client.call('POST', '/v1/topics/orders/messages', { body })
        if (status === 201) numbers.acknowledged.add(number)
        else this.#failures.push({ begunMs, why: `${status} ${text}` })
      } catch (error) {
        this.#resets.count(error)
        this.#failures.push({ begunMs, why: (error as Error).message })
        await sleep(5)
      }
    }
  }

  /** As a load balancer does: leaves the server once it says that it is not ready. */
  async leaveWhenNotReady(client: HttpClient): Promise<void> {
    while ((await client.call('GET', '/readyz')).status === 200) await sleep(READY_LOOK_MS)
    this.#isOver = true
  }

  /** What went wrong of all that was begun before `untilMs`. */
  async wrong(signalMs: number, untilMs: number): Promise<string[]> {
    this.#isOver = true
    await this.#done
    return this.#failures
      .filter(({ begunMs }) => begunMs < untilMs)
      .map(({ begunMs, why }) => `a publish begun ${Math.round(begunMs - signalMs)} ms after the signal got: ${why}`)
  }
}

/** Calls of acquire that wait for what never comes: an empty list for each. */
export async function waitingCalls(client: HttpClient): Promise<() => Promise<string[]>> {
  await client.call('PUT', '/v1/topics/quiet', { body: { partitions: 1 } })
  const calls = Array.from({ length: WAITING_CALLS }, () =>
    client.call('POST', '/v1/topics/quiet/groups/g/acquire', { body: { wait: '30s' } }).then(
      ({ status, text }) => (status === 200 && text.includes('"records":[]') ? '' : `${status} ${text}`),
      (error) => (error as Error).message,
    ),
  )
  return async () =>
    (await Promise.all(calls)).filter((why) => why !== '').map((why) => `a call that waited got: ${why}`)
}

/** Consumers that come straight back with the next acquire, until nobody is there; a refused connection ends each. */
export function acquirers(client: HttpClient, resets: Resets): () => Promise<void> {
  const loops = Array.from({ length: ACQUIRERS }, async () => {
    for (;;) {
      try {
        await client.call('POST', '/v1/topics/quiet/groups/back/acquire', { body: { wait: '30s' } })
      } catch (error) {
        resets.count(error)
        if (!(error as NoAnswer).sent) return
      }
    }
  })
  return async () => void (await Promise.all(loops))
}

/** Requests that the server has taken in, and whose body is sent long after the stop began: published all the same. */
export async function uploads(port: number, numbers: Numbers): Promise<(afterMs: number) => Promise<string[]>> {
  const begun = Array.from({ length: UPLOADS }, async () => {
    const number = numbers.next++
    const body = JSON.stringify({ value: number })
    const headers = { ...JSON_TYPE, 'content-length': body.length, expect: '100-continue' }
    const sent = request({ port, method: 'POST', path: '/v1/topics/orders/messages', headers, agent: false })
    const answered = once(sent, 'response').then(
      ([{ statusCode }]) => {
        if (statusCode === 201) numbers.acknowledged.add(number)
        return statusCode === 201 ? '' : `an upload got: ${statusCode}`
      },
      (error) => `an upload got: ${(error as Error).message}`,
    )
    sent.flushHeaders()
    await once(sent, 'continue')
    sent.write(body.slice(0, 5))
    return { sent, rest: body.slice(5), answered }
  })
  const taken = await Promise.all(begun)
  return async (afterMs) => {
    await sleep(afterMs)
    for (const { sent, rest } of taken) sent.end(rest)
    return (await Promise.all(taken.map(({ answered }) => answered))).filter((why) => why !== '')
  }
}

/** Connections that are idle, and such as were never used: each is closed, none reset. */
export function idleConnections(port: number): () => Promise<string[]> {
  const kinds = [...Array(CONNECTIONS_OF_A_KIND).fill('idle'), ...Array(CONNECTIONS_OF_A_KIND).fill('unused')]
  const closed = kinds.map((kind) => {
    const socket = connect(port, '127.0.0.1')
    if (kind === 'idle') socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
    socket.resume()
    return once(socket, 'close').then(
      () => '',
      (error) => `an ${kind} connection got: ${(error as Error).message}`,
    )
  })
  return async () => (await Promise.all(closed)).filter((why) => why !== '')
}

/** A receiver of pushes that takes its time; each message must reach it once, over all rounds. */
export class Receiver {
  readonly #published = new Set<number>()
  readonly #counts = new Map<number, number>()
  readonly #server = createServer((incoming, response) => {
    const number = Number(incoming.headers['dwell-key'])
    this.#counts.set(number, (this.#counts.get(number) ?? 0) + 1)
    incoming.resume()
    setTimeout(() => response.writeHead(204).end(), PUSH_MS)
  })

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  /** Gives the server so much to push that it is not done when it is told to stop. */
  async load(client: HttpClient): Promise<void> {
    const first = this.#published.size
    const messages = Array.from({ length: PUSHES }, (_, i) => ({ value: first + i, key: `${first + i}` }))
    await client.call('POST', '/v1/topics/pushed/messages', { body: { messages } })
    for (const { value } of messages) this.#published.add(value)
    const { port } = this.#server.address() as AddressInfo
    await client.call('PUT', '/v1/topics/pushed/groups/g', { body: { push: { url: `http://127.0.0.1:${port}/` } } })
  }

  /** Waits until nothing comes any more, and closes. */
  async wrong(): Promise<{ pushed: number; missing: number; repeated: number }> {
    for (let before = -1; before < this.#counts.size && this.#counts.size < this.#published.size; ) {
      before = this.#counts.size
      await sleep(20 * PUSH_MS)
    }
    this.#server.close()
    this.#server.closeAllConnections()
    const repeated = [...this.#counts.values()].filter((count) => count > 1).length
    return { pushed: this.#counts.size, missing: this.#published.size - this.#counts.size, repeated }
  }
}

/** Dead letters in a topic of their own, and a redrive of them that lasts longer than the server. */
export async function redrive(client: HttpClient, round: number): Promise<void> {
  const group = `/v1/topics/failed-${round}/groups/g`
  await client.call('PUT', `/v1/topics/failed-${round}`, { body: { partitions: 1 } })
  await client.call('PUT', group, { body: { retry: [] } })
  const messages = Array.from({ length: REDRIVEN }, (_, value) => ({ value }))
  await client.call('POST', `/v1/topics/failed-${round}/messages`, { body: { messages } })
  const { json } = await client.call('POST', `${group}/acquire`, { body: { max: REDRIVEN, wait: '5s' } })
  const { records } = json as { records: { receipt: string }[] }
  const acknowledgements = records.map(({ receipt }) => ({ receipt, type: 'reject', reason: 'no' }))
  await client.call('POST', `${group}/acknowledge`, { body: { acknowledgements } })
  await client.call('POST', `${group}/dead-letters/redrive`, { body: { ratePerSecond: REDRIVE_RATE } })
}

/** What of the dead letters of a round does not come again, and comes twice. */
export async function redriven(client: HttpClient, round: number): Promise<{ missing: number; repeated: number }> {
  const values: number[] = []
  for (;;) {
    const answer = await client.call('POST', `/v1/topics/failed-${round}/groups/g/acquire`, {
      body: { max: REDRIVEN, wait: values.length < REDRIVEN ? '5s' : '0s', lock: '10m' },
    })
    const { records } = answer.json as { records: { value: number }[] }
    if (records.length === 0) break
    values.push(...records.map(({ value }) => value))
  }
  const { size } = new Set(values)
  return { missing: REDRIVEN - size, repeated: values.length - size }
}

// The endpoint of groups that push: a server in the harness that answers this and that, late or never. What it gets, and when
// it has answered, stands in the history. A request that is cut off on its way is nobody's.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { History } from '../checker/history.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { numberOf } from './publish-request.ts'

/** How long a push waits for its answer. */
export const PUSH_TIMEOUT_MS = 500
const SLOW_MS_MAX = 300

const ANSWERS = { right: 70, slow: 6, wrong: 8, later: 3, reject: 3, gone: 1, reset: 4, hang: 2, half: 3 }

export class PushEndpoint {
  readonly #history: History
  readonly #random: SeededRandom
  readonly #server: Server
  #acceptAll = false
  lastPushMs = Date.now()

  private constructor(history: History, random: SeededRandom) {
    this.#history = history
    this.#random = random
    this.#server = createServer((request, response) => this.#take(request, response))
    // Nothing but the pushes themselves is to be cut off here.
    this.#server.requestTimeout = 0
  }

  static async open(history: History, random: SeededRandom): Promise<PushEndpoint> {
    const endpoint = new PushEndpoint(history, random)
    await new Promise<void>((resolve) => endpoint.#server.listen(0, '127.0.0.1', resolve))
    return endpoint
  }

  urlOf({ topic, group }: { topic: string; group: string }): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${topic}/${group}`
  }

  acceptAll(): void {
    this.#acceptAll = true
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const parts: Buffer[] = []
    request.on('error', () => {})
    request.on('data', (part) => parts.push(part))
    request.on('end', () => this.#answer(request, response, numberOf(JSON.parse(Buffer.concat(parts).toString()))))
  }

  #answer({ headers, url }: IncomingMessage, response: ServerResponse, n: number): void {
    this.lastPushMs = Date.now()
    const [, topic, group] = (url as string).split('/')
    const count = (name: string) => Number(headers[`dwell-${name}`])
    const record = { n, deliveryCount: count('delivery-count'), partition: count('partition'), offset: count('offset') }
    const op = this.#history.invoke('push', { topic, group, record })
    let isOver = false
    const end = (status?: number) => {
      if (isOver) return
      isOver = true
      if (status === undefined) this.#history.info(op, 'push', 'the connection is gone')
      else this.#history.ok(op, 'push', { status })
    }
    response.on('error', () => end())
    response.on('close', () => end())
    const answer = (status: number, more: Record<string, string> = {}) => {
      end(status)
      response.writeHead(status, more).end(status < 300 ? '' : `about ${n}`)
    }
    switch (this.#acceptAll ? 'right' : this.#random.weighted(ANSWERS)) {
      case 'right':
        answer(200)
        break
      case 'slow':
        setTimeout(() => isOver || answer(204), this.#random.between(1, SLOW_MS_MAX))
        break
      case 'wrong':
        answer(this.#random.pick([302, 400, 404, 500, 503]))
        break
      case 'later':
        answer(this.#random.pick([429, 503]), { 'retry-after': '1' })
        break
      case 'reject':
        answer(200, { 'dwell-acknowledge': 'reject' })
        break
      case 'gone':
        answer(410)
        break
      case 'reset':
        response.socket?.resetAndDestroy()
        break
      case 'half':
        response.writeHead(200, { 'content-length': '1000' }).write('half', () => response.destroy())
      // Nothing is ever said: the connection is closed by who waits.
    }
  }
}

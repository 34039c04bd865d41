// Groups in memory, a pusher, and endpoints on real sockets; the clock is the test's, so that only what a test lets happen does.

import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import type { GroupSettings, PushSettings } from '../../../service/delivery/index.ts'
import { AllowedHosts } from '../../../service/push/allowed-hosts.ts'
import { Pusher, type PusherOptions } from '../../../service/push/pusher.ts'
import { DwellError, SILENT } from '../../../storage/index.ts'
import { until } from '../../support/until.ts'
import { GroupRig } from '../delivery/group-rig.ts'

export interface Received {
  method: string
  url: string
  headers: IncomingHttpHeaders
  body: Buffer
  /** Answers it; only once. */
  answer(status: number, headers?: Record<string, string>, body?: string): void
  response: ServerResponse
  request: IncomingMessage
}

/** A web server that keeps what it is sent. */
export class TestEndpoint {
  readonly received: Received[] = []
  connections = 0
  readonly url: string
  /** What it does with each; nothing when undefined, so that it hangs. */
  behave: ((received: Received) => void) | undefined

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}/hook?a=1`
  }

  static async start(t: Test, behave: TestEndpoint['behave'] = ok): Promise<TestEndpoint> {
    const server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part) => parts.push(part))
      request.on('error', () => {})
      response.on('error', () => {})
      request.on('end', () => {
        const received: Received = {
          method: request.method ?? '',
          url: request.url ?? '',
          headers: request.headers,
          body: Buffer.concat(parts),
          answer: (status, headers = {}, body = '') => void response.writeHead(status, headers).end(body),
          response,
          request,
        }
        endpoint.received.push(received)
        endpoint.behave?.(received)
      })
    })
    server.keepAliveTimeout = 60_000
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const endpoint = new TestEndpoint((server.address() as AddressInfo).port)
    endpoint.behave = behave
    server.on('connection', () => endpoint.connections++)
    t.teardown(() => {
      server.closeAllConnections()
      server.close()
    })
    return endpoint
  }

  get bodies(): string[] {
    return this.received.map(({ body }) => String(body))
  }
}

export function ok({ answer }: Received): void {
  answer(200, {}, 'thank you')
}

export const PUSH: Omit<PushSettings, 'url'> = {
  concurrency: 16,
  timeoutMs: 10_000,
  pauseAfter: 10,
  headers: {},
  secrets: [],
}

export class PushRig {
  readonly groups: GroupRig
  /** Of the next pusher. */
  readonly options: Partial<PusherOptions>
  readonly logged: object[] = []
  readonly tookMs: number[] = []
  pusher!: Pusher
  #stopping = new AbortController()

  private constructor(groups: GroupRig, options: Partial<PusherOptions>) {
    this.groups = groups
    this.options = options
  }

  static async start(
    t: Test,
    options: Partial<PusherOptions> & { topics?: Record<string, number>; defaults?: Partial<GroupSettings> } = {},
  ): Promise<PushRig> {
    const { topics, defaults, ...rest } = options
    const rig = new PushRig(await GroupRig.start(topics, defaults), rest)
    rig.open()
    t.teardown(() => rig.cut())
    return rig
  }

  get clock() {
    return this.groups.clock
  }

  open(): void {
    this.#stopping = new AbortController()
    const tell = (fields: object, message: string) => void this.logged.push({ ...fields, message })
    this.pusher = Pusher.start({
      groups: this.groups.groups,
      clock: this.clock,
      log: { ...SILENT, info: tell, warn: tell, error: tell },
      hosts: new AllowedHosts('hook.test,127.0.0.0/8'),
      clusterId: 'cluster-1',
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      socketsMax: 1_000,
      bytesMax: 64 * 1024 * 1024,
      stopMs: 8_000,
      stopping: this.#stopping.signal,
      onPush: (tookMs) => this.tookMs.push(tookMs),
      onFailure: (error) => {
        throw error
      },
      ...this.options,
    })
  }

  /** Gives a group of a topic an endpoint. */
  async push(url: string, push: Partial<PushSettings> = {}, topic = 'orders', group = 'billing'): Promise<void> {
    await this.groups.groups.configure(topic, group, { push: { ...PUSH, url, ...push } })
  }

  /** What is set on the endpoint. */
  endpoint(topic = 'orders', group = 'billing'): PushSettings | undefined {
    return this.groups.groups.settingsOf(topic, group)?.push
  }

  get paused() {
    return this.endpoint()?.paused
  }

  /** As after kill -9. */
  async crash(): Promise<void> {
    this.cut()
    await this.groups.crash()
    this.open()
    const { groups } = this.groups
    const count = groups.names().filter(({ topic, group }) => groups.settingsOf(topic, group)?.push).length
    await until(() => this.pusher.stats().endpoints === count)
  }

  /** Ends the pusher at once; what it still does reaches nobody. */
  cut(): void {
    const { pusher, clock } = this
    void pusher.stop()
    clock.jump(this.options.stopMs ?? 8_000)
  }

  /** The dead letters of the group: value and reasons of all tries. */
  async dead(topic = 'orders', group = 'billing') {
    const { records } = await this.groups.groups.deadLetters.list(topic, group, { limit: 100 })
    return records
  }

  async published(...values: string[]): Promise<void> {
    await this.groups.publish('orders', values)
  }
}

export function codeOf(error: unknown): string {
  return error instanceof DwellError ? error.code : String(error)
}

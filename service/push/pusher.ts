// The sidecar that pushes: an endpoint at work for each group whose settings have one.
//
// After a crash: nothing here is durable. Which groups push, and whose endpoint is paused, stands in their settings; what an
// endpoint had in hand, in what its group has in flight.

import type { Socket } from 'node:net'
import type { Clock, Log } from '../../storage/index.ts'
import { type GroupSettings, type Groups, groupKey, type PushSettings } from '../delivery/index.ts'
import type { Tracing } from '../tracing/tracing.ts'
import type { AllowedHosts } from './allowed-hosts.ts'
import type { openPool, Resolve } from './connections.ts'
import { Endpoint } from './endpoint.ts'
import { SharedBound } from './shared-bound.ts'
import type { PauseCause } from './standing.ts'
import type { Verdict } from './verdict.ts'

export interface PusherOptions {
  groups: Groups
  clock: Clock
  log: Log
  hosts: AllowedHosts
  clusterId: string
  resolve: Resolve
  /** All endpoints together have so many sockets in use, as many idle ones at most, and so many bytes in hand. */
  socketsMax: number
  bytesMax: number
  /** How long a stop waits for pushes under way. */
  stopMs: number
  /** When it aborts, pushing stops. */
  stopping: AbortSignal
  onFailure(error: unknown): void
  onPush?: (tookMs: number) => void
  /** Only where somebody collects traces. */
  tracing?: Tracing
  /** Trusted instead of the well-known authorities. */
  ca?: string
}

/** `dialled`, `pushes` and `pauses` since this process began. */
export interface PusherStats {
  endpoints: number
  paused: number
  underWay: number
  bytes: number
  /** Sockets that are open, in use or idle; and how many were dialled. */
  connections: number
  dialled: number
  pushes: Readonly<Record<Verdict['outcome'], number>>
  /** How often endpoints were paused, by what. */
  pauses: Readonly<Record<PauseCause, number>>
}

export class Pusher {
  readonly #options: PusherOptions
  readonly #endpoints = new Map<string, Endpoint>()
  /** Those whose groups go without them now, while their last pushes end. */
  readonly #leaving = new Map<Endpoint, Promise<void>>()
  readonly #sockets: SharedBound
  readonly #bytes: SharedBound
  readonly #unlisten: () => void
  readonly #pushes = {
    accept: 0,
    reject: 0,
    'retry-after': 0,
    release: 0,
    timeout: 0,
    unreachable: 0,
    denied: 0,
    gone: 0,
  }
  readonly #pauses = { failures: 0, gone: 0, denied: 0 }
  #openPool: typeof openPool | undefined
  /** Sockets that are open, in use or idle, and how many there ever were. */
  #openCount = 0
  #dialled = 0
  #stopped: Promise<void> | undefined

  private constructor(options: PusherOptions) {
    const { groups, stopping, socketsMax, bytesMax } = options
    this.#options = options
    this.#sockets = new SharedBound(socketsMax)
    this.#bytes = new SharedBound(bytesMax)
    this.#unlisten = groups.listen((topic, group) => this.#look(topic, group))
    stopping.addEventListener('abort', () => void this.stop(), { once: true })
  }

  /** Begins to push for all groups that have an endpoint, and for those that come to have one. */
  static start(options: PusherOptions): Pusher {
    const pusher = new Pusher(options)
    for (const { topic, group } of options.groups.names()) pusher.#look(topic, group)
    return pusher
  }

  /** A group came, changed or went. */
  #look(topic: string, group: string): void {
    const { groups, onFailure } = this.#options
    const key = groupKey(topic, group)
    const settings = groups.settingsOf(topic, group)
    const push = settings?.push
    const known = this.#endpoints.get(key)
    if (settings === undefined || push === undefined) {
      if (known !== undefined) this.#leave(key, known)
    } else if (known !== undefined) known.update(settings, push)
    else if (this.#openPool === undefined) {
      import('./connections.ts').then(({ openPool }) => {
        this.#openPool = openPool
        this.#look(topic, group)
      }, onFailure)
    } else if (this.#stopped === undefined) {
      this.#endpoints.set(key, this.#open({ topic, group }, settings, push, this.#openPool))
    }
  }

  #open(
    place: { topic: string; group: string },
    settings: GroupSettings,
    push: PushSettings,
    open: typeof openPool,
  ): Endpoint {
    const { onPush } = this.#options
    return new Endpoint(place, settings, push, {
      ...this.#options,
      sockets: this.#sockets,
      bytes: this.#bytes,
      openPool: ({ url, concurrency, timeoutMs }) => {
        const opened = (socket: Socket) => this.#opened(socket)
        return open(new URL(url), { count: concurrency, connectMs: timeoutMs, opened, ...this.#options })
      },
      isCrowded: () => this.#openCount - this.#sockets.held >= this.#options.socketsMax / 2,
      onPause: (cause) => this.#pauses[cause]++,
      onEnd: (outcome, tookMs) => {
        this.#pushes[outcome]++
        onPush?.(tookMs)
      },
    })
  }

  #opened(socket: Socket): void {
    this.#openCount++
    this.#dialled++
    socket.once('close', () => this.#openCount--)
  }

  #leave(key: string, endpoint: Endpoint): void {
    this.#endpoints.delete(key)
    const left = endpoint.stop().finally(() => this.#leaving.delete(endpoint))
    this.#leaving.set(endpoint, left)
  }

  /** Takes nothing more. Pushes under way have their time to end, and are cut off then. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    const { clock, log, stopMs } = this.#options
    this.#unlisten()
    this.#options.groups.holdPushed()
    for (const [key, endpoint] of this.#endpoints) this.#leave(key, endpoint)
    const timer = clock.setTimer(() => {
      log.warn({ endpoints: this.#leaving.size }, 'Pushes still under way are cut off.')
      for (const endpoint of this.#leaving.keys()) endpoint.cut()
    }, stopMs)
    await Promise.all(this.#leaving.values())
    timer.cancel()
  }

  stats(): PusherStats {
    const endpoints = [...this.#endpoints.values()]
    return {
      endpoints: endpoints.length,
      paused: endpoints.filter(({ isPaused }) => isPaused).length,
      underWay: this.#sockets.held,
      bytes: this.#bytes.held,
      connections: this.#openCount,
      dialled: this.#dialled,
      pushes: { ...this.#pushes },
      pauses: { ...this.#pauses },
    }
  }
}

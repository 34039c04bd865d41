// Builds the parts and starts them from the bottom up, layer by layer; stops them from the top down.
//
// Data directory:
//   lock, identity, reserve     see data-directory.ts
//   journal/, topics/, …        the log: see storage/FORMAT.md
//   wheel/                      slots, derived from `__delay`
//   overflow/                   delayed messages beyond the reach of the wheel: the only place where they are
//   index/                      ids, derived from `__ids`; may be deleted while nobody uses the directory

import type { Listener } from './http/listener.ts'
import { type Beginning, type BrokerOptions, begin } from './layers/beginning.ts'
import { type DeliveryLayer, openDelivery } from './layers/delivery.ts'
import { openDoor } from './layers/door.ts'
import { openGround } from './layers/ground.ts'
import { openLog } from './layers/log.ts'
import { openWheel } from './layers/wheel.ts'

export class Broker {
  readonly #beginning: Beginning
  readonly #stopping = new AbortController()
  #listener: Listener | undefined
  #stopped: Promise<void> | undefined

  private constructor(options: BrokerOptions) {
    this.#beginning = begin(options, this.#stopping.signal)
  }

  /**
   * Opens the data directory, listens, and recovers. Resolves when it is ready; until then requests are told what it is at.
   * @throws DATA_DIRECTORY_LOCKED, ADDRESS_NOT_AVAILABLE, ENGINE_CLOSED and what the parts find damaged
   */
  static async start(options: BrokerOptions): Promise<Broker> {
    const broker = new Broker(options)
    try {
      await broker.#start()
      return broker
    } catch (error) {
      await broker.#close().catch(() => {})
      throw error
    }
  }

  /** Where it listens: `http://127.0.0.1:7200`, or `http://0.0.0.0:7200` for all addresses of its machine. */
  get address(): string {
    return this.#listener?.address ?? ''
  }

  /**
   * Is not ready from now on, and goes on for DWELL_STOP_DELAY. Then stops accepting, answers who waits, finishes what is under
   * way, writes a checkpoint and lets go of the directory.
   * @throws what a part threw that could not be closed, once the others are
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #start(): Promise<void> {
    const ground = await openGround(this.#beginning)
    const log = await openLog(ground)
    const wheel = await openWheel(log)
    const delivery = await openDelivery(wheel)
    await openDoor(delivery)
    this.#listener = ground.listener
    tell(delivery, this.#beginning.startup.done())
  }

  async #stop(): Promise<void> {
    const { settings, clock, log, readiness } = this.#beginning
    const beganMs = clock.monotonicMs()
    log.info({}, 'Stopping.')
    readiness.stop()
    await this.#listener?.retire()
    if (settings.STOP_DELAY > 0) await new Promise<void>((resolve) => clock.setTimer(resolve, settings.STOP_DELAY))
    await this.#close()
    log.info({ tookMs: Math.round(clock.monotonicMs() - beganMs) }, 'Stopped.')
  }

  async #close(): Promise<void> {
    const { readiness, opened } = this.#beginning
    readiness.stop()
    await this.#listener?.refuse()
    this.#stopping.abort()
    await opened.close()
  }
}

function tell({ log, listener, directory, clusterId, topics, groups, wheel }: DeliveryLayer, took: object): void {
  const { address } = listener
  const { pending } = wheel.stats()
  const counts = { topics: topics.list().length, groups: groups.stats().groups, pending }
  log.info(
    { address, directory, clusterId, ...counts, ...took },
    `Listening on ${address}; ${pending} delayed messages pending.`,
  )
}

// Delayed messages with all that they need, on an engine and stores in memory and a clock that a test moves; it dies in the
// middle of whatever it does and starts again with what was durable.

import { DelayedMessages } from '../../../service/publish/delayed.ts'
import { Ids } from '../../../service/publish/ids.ts'
import type { Message } from '../../../service/publish/message.ts'
import { Publisher } from '../../../service/publish/publish.ts'
import { Topics } from '../../../service/topics.ts'
import { decodeRecordBody, readRecords, SILENT } from '../../../storage/index.ts'
import { HandClock, Wheel } from '../../../timewheel/index.ts'
import { DATA, SimulatedDisk } from '../../storage/simulated-disk.ts'
import { ManualClock, settle } from '../../support/manual-clock.ts'
import { MemoryEngine } from '../../support/memory-engine.ts'
import { MemoryStore } from '../../support/memory-store.ts'

export const REMEMBER_MS = 3_600_000
/** What waits and comes back; of a process that died it never does. */
const WAITING = new Set(['append', 'read', 'deleteRecords', 'offsetForTime', 'createTopic', 'write', 'rows', 'clear'])

export class DelayedRig {
  readonly clock = new ManualClock()
  readonly engine = new MemoryEngine()
  #disk = new SimulatedDisk()
  readonly #overflow = new MemoryStore()
  readonly #index = new MemoryStore()
  readonly failures: unknown[] = []
  ids!: Ids
  wheel!: Wheel
  delayed!: DelayedMessages
  publisher!: Publisher
  readonly space = { admit() {}, low: false }
  #life = { over: false }

  async start(): Promise<void> {
    const life = { over: false }
    this.#life = life
    const { clock, space } = this
    const engine = mortal(this.engine, life)
    const hand = new HandClock({ clock, log: SILENT, settleMs: 30_000 })
    const ids = await Ids.open({ engine, index: mortal(this.#index, life), hand, windowMs: REMEMBER_MS })
    const wheel = await Wheel.open({
      engine,
      disk: this.#disk,
      clock,
      overflow: mortal(this.#overflow, life),
      directory: `${DATA}/wheel`,
      hand,
      log: SILENT,
      slots: 20,
      memoryBytes: 8 * 1024,
      readBytes: 2 * 1024,
      windowSeconds: 3,
      rememberMs: REMEMBER_MS,
      onDispatch: (dispatched, nowMs) => ids.dispatched(dispatched, nowMs),
      onChange: (changed) => ids.changed(changed),
      onFailure: (error) => this.failures.push(error),
    })
    const ownerOf = () => undefined
    const topics = new Topics({ engine, defaultPartitions: 1, autoCreate: true, ownerOf, space })
    if (topics.find('orders') === undefined) await topics.ensure('orders')
    this.ids = ids
    this.wheel = wheel
    this.delayed = new DelayedMessages({ topics, ids, wheel, space })
    this.publisher = new Publisher({ engine, topics, ids, wheel, hand, space, waitingBytesMax: 1e9 })
    await wheel.start()
  }

  /** As kill -9: what is under way never comes back, and what was not durable is forgotten. */
  crash(): void {
    this.#life.over = true
    this.engine.crash()
    this.engine.held = false
    this.#disk.die()
    this.#disk = this.#disk.afterKill()
    this.clock.forgetTimers()
    void this.wheel.stop().catch(() => {})
  }

  async checkpoint(): Promise<void> {
    await this.wheel.checkpoint()
    await this.ids.checkpoint()
  }

  /** What lies in the topic. */
  async dispatched(): Promise<{ text: string; id: string; timestampMs: number; offset: number }[]> {
    const { highWatermark } = this.engine.offsets('orders', 0)
    if (highWatermark === 0) return []
    return readRecords(await this.engine.read('orders', 0, 0, 1e9)).map(({ body, timestampMs, offset }) => {
      const { value, headers } = decodeRecordBody(body)
      return { text: String(value), id: String(headers.at(-1)?.[1]), timestampMs, offset }
    })
  }

  /** Lets time pass until nothing waits any more. */
  async drained(): Promise<void> {
    for (let i = 0; i < 1_000 && (this.wheel.stats().pending > 0 || i === 0); i++) await this.clock.advance(1_000)
    await settle(30)
  }
}

export function messageOf(text: string, dueAtMs: number, id = ''): Message {
  return { value: Buffer.from(text), form: undefined, key: null, headers: [], partition: -1, dueAtMs, id }
}

/** `part` as a process sees it: after its death nothing that it waits for comes back. */
function mortal<T extends object>(part: T, life: { over: boolean }): T {
  return new Proxy(part, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      if (!WAITING.has(String(name))) return member.bind(target)
      return async (...given: unknown[]) => {
        if (!life.over) {
          const answer = await member.apply(target, given)
          if (!life.over) return answer
        }
        return new Promise(() => {})
      }
    },
  })
}

// A wheel on an engine in memory, a real folder and a clock that a test moves: what the wheel's tests share.

import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Disk,
  decodeRecordBody,
  encodeRecordBody,
  type Header,
  type KeyValueStore,
  readRecords,
  SILENT,
  SystemDisk,
} from '../../storage/index.ts'
import { HandClock, ID_PLACEHOLDER, type Place, Wheel, type WheelOptions } from '../../timewheel/index.ts'
import { ManualClock, settle } from './manual-clock.ts'
import { MemoryEngine } from './memory-engine.ts'
import { MemoryStore } from './memory-store.ts'

export const ID_HEADER = '__dwell.id'

/** The body of the record that publish() makes. */
export function recordBody(text: string, key?: string, ownId?: string): Uint8Array {
  const headers: Header[] = [[ID_HEADER, ownId === undefined ? ID_PLACEHOLDER : Buffer.from(ownId)]]
  return encodeRecordBody(key === undefined ? null : Buffer.from(key), Buffer.from(text), headers)
}

export class WheelRig {
  readonly clock: ManualClock
  readonly engine = new MemoryEngine()
  readonly directory = mkdtempSync(join(tmpdir(), 'dwell-wheel-'))
  overflow: KeyValueStore = new MemoryStore()
  disk: Disk = new SystemDisk()
  failures: unknown[] = []
  wheel!: Wheel
  readonly #options: Partial<WheelOptions>

  constructor(options: Partial<WheelOptions> = {}, clock = new ManualClock()) {
    this.#options = options
    this.clock = clock
  }

  get startMs(): number {
    return Date.UTC(2026, 10, 20, 10)
  }

  async start(topics: Record<string, number> = { orders: 1 }): Promise<Wheel> {
    for (const [name, partitions] of Object.entries(topics)) {
      if (!this.engine.topic(name)) await this.engine.createTopic(name, { partitions, cleanup: 'delete' })
    }
    const { clock, engine, disk, overflow, directory } = this
    this.wheel = await Wheel.open({
      engine,
      disk,
      clock,
      overflow,
      directory,
      hand: new HandClock({ clock, log: SILENT, settleMs: 30_000 }),
      log: SILENT,
      slots: 7200,
      memoryBytes: 1024 * 1024,
      readBytes: 1024 * 1024,
      windowSeconds: 16,
      rememberMs: 600_000,
      onFailure: (error) => this.failures.push(error),
      ...this.#options,
    })
    await this.wheel.start()
    await settle()
    return this.wheel
  }

  /** Publishes messages due at the given times; answers their places. */
  async publish(
    messages: readonly { dueAtMs: number; text: string; topic?: string; key?: string; ownId?: string }[],
  ): Promise<Place[]> {
    const records = messages.map(({ dueAtMs, text, topic = 'orders', key, ownId }) => {
      const body = recordBody(text, key, ownId)
      return { topic, dueAtMs, body, ownId, fillId: ownId === undefined }
    })
    const [base] = await this.engine.append([this.wheel.append(records)])
    await settle()
    return messages.map(({ dueAtMs }, i) => ({ dueAtMs, offset: base + i }))
  }

  /** What lies in a topic's partition: text, id and time of dispatch. */
  async dispatched(topic = 'orders', partition = 0): Promise<{ text: string; id: string; atMs: number }[]> {
    const { logStartOffset, highWatermark } = this.engine.offsets(topic, partition)
    if (logStartOffset === highWatermark) return []
    const bytes = await this.engine.read(topic, partition, logStartOffset, 1e9)
    return readRecords(bytes).map(({ body, timestampMs }) => {
      const { value, headers } = decodeRecordBody(body)
      return { text: String(value), id: String(headers.at(-1)?.[1]), atMs: timestampMs }
    })
  }

  async texts(topic = 'orders', partition = 0): Promise<string[]> {
    return (await this.dispatched(topic, partition)).map(({ text }) => text)
  }

  /** Lets the wheel take what is there and come to rest. */
  async rest(ms = 300): Promise<void> {
    await this.clock.advance(ms)
    await settle(30)
  }

  /** Lets the wheel finish what is due, as far as real input and output need time for it. */
  async drained(): Promise<void> {
    while (this.wheel.stats().pending > 0) await this.clock.advance(100)
  }

  /** As kill -9: the wheel's memory is gone, files and log stay. */
  async crash(): Promise<void> {
    this.engine.crash()
    await this.wheel.stop()
  }

  async close(): Promise<void> {
    await this.wheel.stop()
    await rm(this.directory, { recursive: true, force: true })
  }
}

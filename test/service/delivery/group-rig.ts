// Groups on an engine in memory, with a clock that the test moves and a wheel that a test can turn by hand.

import { type DelayedAppends, type GroupSettings, Groups } from '../../../service/delivery/index.ts'
import {
  type Append,
  decodeRecordBody,
  encodeRecordBody,
  type Header,
  type LogEngine,
  readPage,
  SILENT,
  type StoredRecord,
} from '../../../storage/index.ts'
import { ManualClock, settle } from '../../support/manual-clock.ts'
import { MemoryEngine } from '../../support/memory-engine.ts'

const READ_SIZE = 64 * 1024 * 1024

interface Delayed {
  offset: number
  topic: string
  partition: number
  dueAtMs: number
  body: Buffer
}

interface Process {
  dead: boolean
  appendsLeft: number
}

/** Where the log of a rig lies. */
export interface Home<Engine extends LogEngine> {
  engine: Engine
  /** The engine after the process, or the machine, died. */
  crash(engine: Engine): Promise<Engine>
  /** Turns of the event loop after which nothing is under way. */
  idleTurns: number
}

export class GroupRig<Engine extends LogEngine = MemoryEngine> {
  engine: Engine
  readonly #home: Home<Engine>
  readonly clock: ManualClock
  readonly defaults: Partial<GroupSettings>
  /** What the hand's clock shows. */
  handMs = () => this.clock.wallMs()
  groups!: Groups
  /** Offsets in `__delay` that the wheel dispatched. */
  readonly #dispatched = new Set<number>()
  #random = 1
  #process: Process = { dead: false, appendsLeft: Number.POSITIVE_INFINITY }

  private constructor(home: Home<Engine>, clock: ManualClock, defaults: Partial<GroupSettings>) {
    this.#home = home
    this.engine = home.engine
    this.clock = clock
    this.defaults = defaults
  }

  static start(topics: Record<string, number> = { orders: 1 }, defaults: Partial<GroupSettings> = {}) {
    const crash = async (engine: MemoryEngine) => {
      engine.crash()
      return engine
    }
    const home = { engine: new MemoryEngine(), crash, idleTurns: 10 }
    return GroupRig.startIn(home, new ManualClock(), { topics, defaults })
  }

  static async startIn<Engine extends LogEngine>(
    home: Home<Engine>,
    clock: ManualClock,
    { topics, defaults }: { topics: Record<string, number>; defaults: Partial<GroupSettings> },
  ): Promise<GroupRig<Engine>> {
    const rig = new GroupRig(home, clock, defaults)
    await rig.engine.createTopic('__delay', { partitions: 1, cleanup: 'delete' })
    for (const [name, partitions] of Object.entries(topics)) {
      await rig.engine.createTopic(name, { partitions, cleanup: 'delete' })
    }
    await rig.open()
    return rig
  }

  async open(): Promise<void> {
    const { clock, defaults } = this
    const engine = mortal(this.engine, this.#process)
    this.groups = await Groups.open({
      engine,
      clock,
      log: SILENT,
      defaults,
      hand: { nowMs: () => this.handMs() },
      random: { bytes: (size) => Buffer.alloc(size, `${this.#random++}.`) },
      wheel: { append: (records) => this.#delay(records) },
    })
    this.groups.deadLetters.redrives.resume()
  }

  #delay(records: Parameters<DelayedAppends['append']>[0]): Append {
    const timestampMs = this.clock.wallMs()
    const entries = records.map(({ topic, partition, dueAtMs, body, fillId }) => {
      const key = Buffer.from(JSON.stringify({ topic, partition, dueAtMs, fillId }))
      return { timestampMs, body: encodeRecordBody(key, body, []) }
    })
    return { topic: '__delay', partition: 0, records: entries }
  }

  /** As after kill -9: what was not durable is gone, and so is all memory. */
  async crash(): Promise<void> {
    this.#process.dead = true
    this.#process = { dead: false, appendsLeft: Number.POSITIVE_INFINITY }
    this.clock.reboot()
    this.engine = await this.#home.crash(this.engine)
    await this.open()
  }

  /** Only `count` more appends of the groups reach the disk; the next ones never answer. */
  cutAfter(count: number): void {
    this.#process.appendsLeft = count
  }

  async publish(topic: string, values: string[], partition = 0, key: string | null = null, headers: Header[] = []) {
    const timestampMs = this.clock.wallMs()
    const records = values.map((value) => {
      const keyBytes = key === null ? null : Buffer.from(key)
      return { timestampMs, body: encodeRecordBody(keyBytes, Buffer.from(value), headers) }
    })
    const [offset] = await this.engine.append([{ topic, partition, records }])
    return offset
  }

  /** Through the wheel. */
  async publishDelayed(
    topic: string,
    value: string,
    { partition, key, dueAtMs }: { partition: number; key: string | null; dueAtMs: number },
  ): Promise<void> {
    const body = encodeRecordBody(key === null ? null : Buffer.from(key), Buffer.from(value), [])
    await this.engine.append([this.#delay([{ topic, partition, dueAtMs, body, fillId: false }])])
  }

  /** Lets what is under way come to an end. */
  idle(): Promise<void> {
    return settle(this.#home.idleTurns)
  }

  acquire(max = 100, waitMs = 0, topic = 'orders', group = 'billing') {
    return this.groups.acquire(topic, group, { max, waitMs })
  }

  /** Acquires one, or fails. */
  async one(topic = 'orders', group = 'billing') {
    const [delivery] = await this.acquire(1, 0, topic, group)
    if (delivery === undefined) throw new Error('nothing to acquire')
    return delivery
  }

  /** What the wheel holds. */
  async delayed(): Promise<Delayed[]> {
    const entries = (await this.log('__delay')).filter(({ offset }) => !this.#dispatched.has(offset))
    return entries.map(({ offset, key, value }) => ({ offset, ...JSON.parse(String(key)), body: value }))
  }

  /** Dispatches what is due. */
  async turnWheel(): Promise<void> {
    const timestampMs = this.clock.wallMs()
    for (const { offset, topic, partition, dueAtMs, body } of await this.delayed()) {
      if (dueAtMs > timestampMs) continue
      this.#dispatched.add(offset)
      await this.engine.append([{ topic, partition, records: [{ timestampMs, body }] }])
    }
  }

  /** Everything in a partition, as it lies. */
  async log(topic: string, partition = 0) {
    const { logStartOffset, highWatermark } = this.engine.offsets(topic, partition)
    const all: StoredRecord[] = []
    for (let offset = logStartOffset; offset < highWatermark; ) {
      const { records, nextOffset } = readPage(await this.engine.read(topic, partition, offset, READ_SIZE), offset)
      all.push(...records)
      offset = nextOffset
    }
    return all.map(({ offset, timestampMs, body }) => ({ offset, timestampMs, ...decodeRecordBody(body) }))
  }
}

/** The engine as a process sees it: once the process is dead, nothing that it still calls happens or answers. */
function mortal(engine: LogEngine, process: Process): LogEngine {
  return new Proxy(engine, {
    get(target, name) {
      const member = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return (...given: unknown[]) => {
        if (name === 'append' && process.appendsLeft-- <= 0) return new Promise(() => {})
        if (!process.dead || name === 'topic' || name === 'offsets') return member.apply(target, given)
        return new Promise(() => {})
      }
    },
  })
}

export function textOf(record: { body: Buffer }): string {
  return decodeRecordBody(record.body).value?.toString() ?? ''
}

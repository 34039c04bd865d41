// The contract of the log as one suite: every engine is run through it. See storage/engine.ts.

import type { Test } from 'tap'
import { encodeRecordBody, type LogEngine, type LogRecord, readRecords } from '../../storage/index.ts'

export interface EngineUnderTest {
  engine: LogEngine
  /** A fresh engine on what this one left, after close(); undefined for engines that keep nothing. */
  reopen?: () => Promise<LogEngine>
}

export const SETTINGS = { partitions: 2, cleanup: 'delete' } as const

export function record(text: string, timestampMs = 1_000): LogRecord {
  return { timestampMs, body: encodeRecordBody(null, Buffer.from(text), []) }
}

/** The bodies of all records from `fromOffset` on, read in pieces of `maxBytes`. */
export async function readAll(
  engine: LogEngine,
  topic: string,
  partition: number,
  fromOffset = engine.offsets(topic, partition).logStartOffset,
  maxBytes = 1024 * 1024,
): Promise<{ offset: number; timestampMs: number; text: string }[]> {
  const all: { offset: number; timestampMs: number; text: string }[] = []
  for (let next = fromOffset; next < engine.offsets(topic, partition).highWatermark; ) {
    const records = readRecords(await engine.read(topic, partition, next, maxBytes), next)
    if (records.length === 0) throw new Error(`nothing at offset ${next} of ${topic}-${partition}`)
    for (const { offset, timestampMs, body } of records) all.push({ offset, timestampMs, text: textOf(body) })
    next = records[records.length - 1].offset + 1
  }
  return all
}

function textOf(body: Uint8Array): string {
  // key -1, then the length of the value: one byte below 64, two below 8192, three above.
  const length = body[1] < 0x80 ? 1 : body[2] < 0x80 ? 2 : 3
  return Buffer.from(body.subarray(1 + length, body.length - 1)).toString()
}

/** Runs `make`'s engines through the contract. */
export function engineContract(t: Test, make: (t: Test) => Promise<EngineUnderTest>): void {
  const check = (name: string, task: (t: Test, under: EngineUnderTest) => Promise<void>) => {
    t.test(name, async (t) => {
      const under = await make(t)
      await task(t, under)
      await under.engine.close()
    })
  }

  check('appended records are read back in order with consecutive offsets', async (t, { engine }) => {
    await engine.createTopic('orders', SETTINGS)
    const appends = [
      { topic: 'orders', partition: 0, records: [record('a', 5), record('b', 3)] },
      { topic: 'orders', partition: 1, records: [record('x')] },
      { topic: 'orders', partition: 0, records: [record('c', 9)] },
    ]
    t.same(await engine.append(appends), [0, 0, 2])
    t.same(await readAll(engine, 'orders', 0), [
      { offset: 0, timestampMs: 5, text: 'a' },
      { offset: 1, timestampMs: 3, text: 'b' },
      { offset: 2, timestampMs: 9, text: 'c' },
    ])
    t.same(
      (await readAll(engine, 'orders', 1)).map(({ text }) => text),
      ['x'],
    )
    t.match(engine.offsets('orders', 0), { logStartOffset: 0, highWatermark: 3, logEndOffset: 3 })
  })

  check('appends that are made at once become durable in the order of their calls', async (t, { engine }) => {
    await engine.createTopic('orders', SETTINGS)
    const order: number[] = []
    const appends = Array.from({ length: 300 }, (_, i) =>
      engine.append([{ topic: 'orders', partition: i % 2, records: [record(`r${i}`)] }]).then(([offset]) => {
        order.push(i)
        return offset
      }),
    )
    const offsets = await Promise.all(appends)
    t.same(
      offsets,
      Array.from({ length: 300 }, (_, i) => Math.floor(i / 2)),
    )
    t.same(
      order,
      Array.from({ length: 300 }, (_, i) => i),
    )
    const texts = (await readAll(engine, 'orders', 1)).map(({ text }) => text)
    t.same(
      texts,
      Array.from({ length: 150 }, (_, i) => `r${2 * i + 1}`),
    )
  })

  check('a late append names the place of a record in the same atomic append', async (t, { engine }) => {
    await engine.createTopic('orders', SETTINGS)
    await engine.append([{ topic: 'orders', partition: 0, records: [record('first')] }])
    const seen: number[][] = []
    const late = (baseOffsets: readonly number[]) => {
      seen.push([...baseOffsets])
      return [record(`at ${baseOffsets[0]}`)]
    }
    await engine.append([
      { topic: 'orders', partition: 0, records: [record('second')] },
      { topic: 'orders', partition: 1, records: late },
    ])
    t.same(seen, [[1]])
    t.match(await readAll(engine, 'orders', 1), [{ text: 'at 1' }])
  })

  check('an append without records is allowed and changes nothing', async (t, { engine }) => {
    await engine.createTopic('orders', SETTINGS)
    t.same(await engine.append([]), [])
    t.same(await engine.append([{ topic: 'orders', partition: 0, records: [] }]), [0])
    t.match(engine.offsets('orders', 0), { highWatermark: 0, logEndOffset: 0 })
  })

  check('an append with a place that is not there appends nothing at all', async (t, { engine }) => {
    await engine.createTopic('orders', SETTINGS)
    const good = { topic: 'orders', partition: 0, records: [record('a')] }
    await t.rejects(engine.append([good, { ...good, topic: 'other' }]), { code: 'TOPIC_NOT_FOUND' })
    await t.rejects(engine.append([good, { ...good, partition: 2 }]), { code: 'PARTITION_NOT_FOUND' })
    await t.rejects(engine.append([good, { ...good, partition: -1 }]), { code: 'PARTITION_NOT_FOUND' })
    await t.rejects(engine.append([good, { ...good, partition: 0.5 }]), { code: 'PARTITION_NOT_FOUND' })
    t.match(engine.offsets('orders', 0), { highWatermark: 0, logEndOffset: 0 })
    t.same(await engine.append([good]), [0])
  })

  check('nothing is read at or above the high watermark, nor out of range', async (t, { engine }) => {
    await engine.createTopic('orders', SETTINGS)
    const appended = engine.append([{ topic: 'orders', partition: 0, records: [record('a')] }])
    t.match(engine.offsets('orders', 0), { highWatermark: 0, logEndOffset: 1 })
    t.equal((await engine.read('orders', 0, 0, 1024)).length, 0)
    await appended
    t.equal((await engine.read('orders', 0, 1, 1024)).length, 0)
    await t.rejects(engine.read('orders', 0, 2, 1024), { code: 'OFFSET_OUT_OF_RANGE' })
    await t.rejects(engine.read('orders', 0, -1, 1024), { code: 'OFFSET_OUT_OF_RANGE' })
    await t.rejects(engine.read('other', 0, 0, 1024), { code: 'TOPIC_NOT_FOUND' })
    await t.rejects(engine.read('orders', 7, 0, 1024), { code: 'PARTITION_NOT_FOUND' })
  })

  check('a read gives at least one batch, and about as much as was asked for', async (t, { engine }) => {
    await engine.createTopic('orders', SETTINGS)
    const records = [record('a'.repeat(5000))]
    for (let i = 0; i < 20; i++) await engine.append([{ topic: 'orders', partition: 0, records }])
    t.equal(readRecords(await engine.read('orders', 0, 7, 1), 7)[0].offset, 7)
    const some = await engine.read('orders', 0, 7, 20_000)
    t.ok(some.length > 5000 && some.length <= 20_000, `${some.length} bytes`)
    t.equal((await readAll(engine, 'orders', 0, 0, 1)).length, 20)
    t.equal((await readAll(engine, 'orders', 0, 0, 17_000)).length, 20)
  })

  check('listeners hear of each high watermark until they are taken away', async (t, { engine }) => {
    await engine.createTopic('orders', SETTINGS)
    const heard: [string, number, number][] = []
    const stop = engine.onHighWatermark((...place) => heard.push(place))
    await engine.append([
      { topic: 'orders', partition: 0, records: [record('a')] },
      { topic: 'orders', partition: 1, records: [record('b'), record('c')] },
    ])
    t.same(heard, [
      ['orders', 0, 1],
      ['orders', 1, 2],
    ])
    stop()
    await engine.append([{ topic: 'orders', partition: 0, records: [record('d')] }])
    t.equal(heard.length, 2)
  })

  check('the offset for a time is that of the first record not earlier', async (t, { engine }) => {
    await engine.createTopic('orders', SETTINGS)
    for (const timestampMs of [100, 300, 200, 400]) {
      await engine.append([
        { topic: 'orders', partition: 0, records: [record('a', timestampMs), record('b', timestampMs)] },
      ])
    }
    t.equal(await engine.offsetForTime('orders', 0, 0), 0)
    t.equal(await engine.offsetForTime('orders', 0, 101), 2)
    t.equal(await engine.offsetForTime('orders', 0, 301), 6)
    t.equal(await engine.offsetForTime('orders', 0, 401), 8)
    t.equal(await engine.offsetForTime('orders', 0, 101, 3), 3, 'from an offset on')
    t.equal(await engine.offsetForTime('orders', 0, 301, 4), 6)
  })

  check('records can be deleted from the front', async (t, { engine }) => {
    await engine.createTopic('orders', SETTINGS)
    for (const text of ['a', 'b', 'c']) {
      await engine.append([{ topic: 'orders', partition: 0, records: [record(text)] }])
    }
    await engine.deleteRecords('orders', 0, 2)
    t.match(engine.offsets('orders', 0), { logStartOffset: 2, highWatermark: 3 })
    await t.rejects(engine.read('orders', 0, 1, 1024), { code: 'OFFSET_OUT_OF_RANGE' })
    t.match(await readAll(engine, 'orders', 0), [{ offset: 2, text: 'c' }])
    await engine.deleteRecords('orders', 0, 1)
    t.match(engine.offsets('orders', 0), { logStartOffset: 2 }, 'the log start never moves back')
    await engine.deleteRecords('orders', 0, 3)
    t.same(await engine.append([{ topic: 'orders', partition: 0, records: [record('d')] }]), [3])
  })

  check('topics are created, altered, listed and deleted', async (t, { engine }) => {
    const created = await engine.createTopic('orders', { ...SETTINGS, retentionMs: 5 })
    t.match(created, { name: 'orders', partitions: 2, retentionMs: 5, cleanup: 'delete' })
    t.same(engine.topic('orders'), created)
    t.equal(engine.topic('other'), undefined)
    await t.rejects(engine.createTopic('orders', SETTINGS), { code: 'TOPIC_EXISTS' })
    await t.rejects(engine.alterTopic('orders', { ...SETTINGS, partitions: 1 }), { code: 'PARTITIONS_CANNOT_SHRINK' })
    await t.rejects(engine.alterTopic('other', SETTINGS), { code: 'TOPIC_NOT_FOUND' })
    const altered = await engine.alterTopic('orders', { ...SETTINGS, partitions: 3, retentionMs: 7 })
    t.match(altered, { id: created.id, partitions: 3, retentionMs: 7 })
    await engine.append([{ topic: 'orders', partition: 2, records: [record('a')] }])
    await engine.createTopic('bills', SETTINGS)
    const names = [...engine.topics()].map(({ name }) => name).filter((name) => !name.startsWith('__'))
    t.same(names.sort(), ['bills', 'orders'])
    await engine.deleteTopic('orders')
    await t.rejects(engine.deleteTopic('orders'), { code: 'TOPIC_NOT_FOUND' })
    t.throws(() => engine.offsets('orders', 0), { code: 'TOPIC_NOT_FOUND' })
  })

  check('a topic created again under its old name is another one, and empty', async (t, { engine }) => {
    const old = await engine.createTopic('orders', SETTINGS)
    await engine.append([{ topic: 'orders', partition: 0, records: [record('a')] }])
    await engine.deleteTopic('orders')
    const anew = await engine.createTopic('orders', SETTINGS)
    t.not(anew.id, old.id)
    t.match(engine.offsets('orders', 0), { logStartOffset: 0, highWatermark: 0, logEndOffset: 0, sizeBytes: 0 })
    t.same(await engine.append([{ topic: 'orders', partition: 0, records: [record('b')] }]), [0])
    t.match(await readAll(engine, 'orders', 0), [{ text: 'b' }])
  })

  check('of two that create the same topic at once, one is told that it exists', async (t, { engine }) => {
    const outcomes = await Promise.allSettled([
      engine.createTopic('orders', SETTINGS),
      engine.createTopic('orders', SETTINGS),
    ])
    t.same(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  })

  check('after close and open everything is there', async (t, under) => {
    if (under.reopen === undefined) return
    await under.engine.createTopic('orders', { ...SETTINGS, retentionBytes: 1e9 })
    for (const text of ['a', 'b', 'c']) {
      await under.engine.append([{ topic: 'orders', partition: 1, records: [record(text, 77)] }])
    }
    await under.engine.deleteRecords('orders', 1, 1)
    const description = under.engine.topic('orders')
    await under.engine.close()
    under.engine = await under.reopen()
    t.same(under.engine.topic('orders'), description)
    t.match(under.engine.offsets('orders', 1), { logStartOffset: 1, highWatermark: 3, logEndOffset: 3 })
    t.match(await readAll(under.engine, 'orders', 1), [{ text: 'b', timestampMs: 77 }, { text: 'c' }])
    t.same(await under.engine.append([{ topic: 'orders', partition: 1, records: [record('d')] }]), [3])
  })
}

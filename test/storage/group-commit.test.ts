import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { EmbeddedEngine, encodeRecordBody, SILENT, SystemClock, SystemDisk } from '../../storage/index.ts'
import { GroupCommit, type GroupCommitOptions } from '../../storage/log/group-commit.ts'
import type { Partition } from '../../storage/log/partition.ts'

const RECORD = { timestampMs: 1, body: encodeRecordBody(null, Buffer.from('x'), []) }

function partitionOf(topicId: number): Partition {
  return { topicId, index: 0, openPart: undefined } as unknown as Partition
}

t.test('an append that comes while a group waits for room is in one frame, all of it', async (t) => {
  const room = Promise.withResolvers<void>()
  const frames: string[][] = []
  const commits = new GroupCommit({
    journal: { frameBytesMax: 64 * 1024 * 1024, end: { sequence: 1, position: 0, frameNumber: 1 }, async write() {} },
    apply: ({ parts }: { parts: { partition: Partition; records: readonly unknown[] }[] }) => {
      frames.push(parts.map(({ partition, records }) => `${partition.topicId}: ${records.length}`))
    },
    room: () => (frames.length === 0 ? room.promise : undefined),
    onFailure: (error: unknown) => t.fail(String(error)),
  } as unknown as GroupCommitOptions)
  const [orders, mark] = [partitionOf(1), partitionOf(2)]
  const first = commits.group(30)
  first.add(mark, 0, [RECORD], 30)
  const firstDone = first.promise([0])
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  // What is too much for the group that waits begins another one, whose parts are its own.
  const large = 8 * 1024 * 1024
  const second = commits.group(large)
  second.add(orders, 0, [RECORD], 30)
  second.add(mark, 1, [RECORD], 30)
  const secondDone = second.promise([0, 1])
  room.resolve()
  await Promise.all([firstDone, secondDone])
  t.same(frames, [['2: 1'], ['1: 1', '2: 1']])
})

t.test(
  'a small batch does not keep the large frame in memory that it came with; looking makes no folder',
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'dwell-frames-'))
    const disk = new SystemDisk()
    const clock = new SystemClock()
    const onFailure = (error: unknown) => t.fail(String(error))
    const engine = await EmbeddedEngine.open({ disk, clock, directory, log: SILENT, onFailure })
    t.teardown(async () => {
      await engine.close()
      rmSync(directory, { recursive: true })
    })
    for (const name of ['large', 'small', 'empty']) await engine.createTopic(name, { partitions: 1, cleanup: 'delete' })
    const body = encodeRecordBody(null, Buffer.alloc(1024 * 1024), [])
    await engine.append([
      { topic: 'large', partition: 0, records: [{ timestampMs: 1, body }] },
      { topic: 'small', partition: 0, records: [RECORD] },
    ])
    const bytes = await engine.read('small', 0, 0, 1)
    t.ok(bytes.buffer.byteLength <= 64 * 1024, `${bytes.buffer.byteLength} bytes are kept for it`)
    t.equal(await engine.offsetForTime('empty', 0, 0), 0)
    t.notOk(readdirSync(join(directory, 'topics')).includes('empty-0'))
  },
)

// Keys land where Kafka's own clients put them: test/golden/murmur2.json was made with the Java client's partitioner.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { partitionOfKey, RoundRobin } from '../../storage/index.ts'
import { murmur2 } from '../../storage/log/partitioner.ts'

interface Golden {
  key: string | { base64: string }
  hash: number
  partition: Record<string, number>
}

t.test('murmur2 and the partition of a key are those of the Java client', (t) => {
  const golden: Golden[] = JSON.parse(readFileSync(new URL('../golden/murmur2.json', import.meta.url), 'utf8'))
  t.ok(golden.length > 10)
  for (const { key, hash, partition } of golden) {
    const bytes = typeof key === 'string' ? Buffer.from(key) : Buffer.from(key.base64, 'base64')
    t.equal(murmur2(bytes), hash, bytes.toString('hex'))
    for (const [count, expected] of Object.entries(partition)) t.equal(partitionOfKey(bytes, Number(count)), expected)
  }
  t.end()
})

t.test('without a key, partitions take turns by topic', (t) => {
  const turns = new RoundRobin()
  const taken = ['a', 'a', 'b', 'a', 'a'].map((topic) => turns.next(topic, 3))
  t.same(taken, [0, 1, 0, 2, 0])
  t.end()
})

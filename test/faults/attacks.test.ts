// Every attack of attacks.ts, one after the other, against one process: it goes on, its memory stays bounded, the bystander is
// served, and what was refused is counted. test/faults/README.md rows A1 to A6, A16 to A30.

import t from 'tap'
import { AttackGround } from './attack-ground.ts'
import { ATTACKS } from './attacks.ts'

const MIB = 1024 * 1024
const GROWTH_BYTES_MAX = 160 * MIB
const BYSTANDER_MS_MAX = 5_000

t.test('attacks on the front door', { timeout: 120_000 }, async (t) => {
  const ground = await AttackGround.start(t)
  const { operator } = ground.holders
  for (const topic of ['shop.orders', 'shop.quiet', 'shop.exact', 'shop.receipts', 'bystander'])
    t.equal(
      (await ground.send('PUT', `/v1/topics/${topic}`, { headers: operator.headers, body: { partitions: 1 } })).status,
      201,
    )
  const later = { value: 1, delay: '1h' }
  await ground.send('POST', '/v1/topics/shop.quiet/messages', { headers: operator.headers, body: later })
  for (let i = 0; i < 100; i++) await ground.bystand()
  const beforeBytes = ground.process.memoryBytes()

  let slowestMs = 0
  for (const { row, what, counted, play } of ATTACKS) {
    const before = counted === undefined ? 0 : await ground.counted(counted)
    let isOver = false
    const standing = (async () => {
      while (!isOver) {
        slowestMs = Math.max(slowestMs, await ground.bystand())
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })()
    const happened = await play(ground).catch((error: Error) => {
      t.fail(`${row}: ${what}`, { error: error.stack })
      return 'NOT AS EXPECTED'
    })
    isOver = true
    await standing.catch((error) => t.fail(`${row}: the bystander`, { error: String(error) }))
    if (counted !== undefined) t.ok((await ground.counted(counted)) > before, `${row}: ${counted} is counted`)
    t.ok(ground.process.running, `${row}: ${what}: ${happened}`)
  }
  const growthBytes = ground.process.memoryBytes() - beforeBytes
  t.comment(
    `memory grew by ${Math.round(growthBytes / MIB)} MiB, the bystander waited at most ${Math.round(slowestMs)} ms`,
  )
  t.ok(growthBytes < GROWTH_BYTES_MAX, 'memory is bounded')
  t.ok(slowestMs < BYSTANDER_MS_MAX, 'others are served')
})

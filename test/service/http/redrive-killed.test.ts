// A real process, killed in the middle of a redrive.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DwellProcess } from '../../support/dwell-process.ts'

const COUNT = 300
const BASE = '/v1/topics/orders/groups/billing'

t.test('a redrive that is killed twice in the middle moves each record exactly once', async (t) => {
  const directory = t.testdir()
  const dataDirectory = join(directory, 'data')
  mkdirSync(dataDirectory)
  const options = { dataDirectory, logPath: join(directory, 'log'), settings: { DWELL_JOURNAL_FILE_BYTES: '32MiB' } }
  let server = await DwellProcess.start(options)
  t.teardown(() => server.kill())
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it
  const call = async (method: string, path: string, body?: unknown): Promise<any> =>
    (await server.client.call(method, path, { body })).json
  await call('POST', '/v1/topics/orders/messages', {
    messages: Array.from({ length: COUNT }, (_, n) => ({ value: n })),
  })
  for (let left = COUNT; left > 0; ) {
    const { records } = await call('POST', `${BASE}/acquire`, { max: COUNT })
    left -= records.length
    const acknowledgements = records.map(({ receipt }: { receipt: string }) => ({ receipt, type: 'reject' }))
    await call('POST', `${BASE}/acknowledge`, { acknowledgements })
  }
  const { task } = await call('POST', `${BASE}/dead-letters/redrive`, { ratePerSecond: 100 })
  for (const part of [COUNT / 4, COUNT / 2]) {
    let moved = 0
    while (moved < part) moved = (await call('GET', `/v1/redrives/${task}`)).moved
    await server.kill()
    t.ok(moved < COUNT, `killed in the middle, at ${moved}`)
    server = await DwellProcess.start(options)
  }
  let ended = await call('GET', `/v1/redrives/${task}`)
  while (ended.state === 'running') ended = await call('GET', `/v1/redrives/${task}`)
  t.match(ended, { state: 'done', matched: COUNT, moved: COUNT, failed: 0 })
  t.same(await call('GET', `${BASE}/dead-letters/count`), { count: 0 })
  const values: number[] = []
  for (;;) {
    const { records } = await call('POST', `${BASE}/acquire`, { max: COUNT })
    if (records.length === 0) break
    values.push(...records.map(({ value }: { value: number }) => value))
  }
  t.same(
    values.sort((a, b) => a - b),
    Array.from({ length: COUNT }, (_, n) => n),
  )
})

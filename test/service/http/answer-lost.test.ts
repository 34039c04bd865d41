// P3, N1: a real process, killed after its journal is written and before anybody has an answer. Whoever publishes again under
// the same ids is told what was published; whatever the moment, each message is there once.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DwellProcess } from '../../support/dwell-process.ts'

const MESSAGES = [
  { id: 'now', value: 1, partition: 0 },
  { id: 'later', value: 2, partition: 0, delay: '1h' },
  { value: 3, partition: 0 },
]
/** So many writes of the journal are tried; the first ones are of the start. */
const WRITES_MAX = 12

t.test('an answer that is lost behind the sync is given again', async (t) => {
  const directory = t.testdir()
  const files = { points: join(directory, 'points'), clock: join(directory, 'clock'), log: join(directory, 'log') }
  writeFileSync(files.clock, '0')
  let server: DwellProcess | undefined
  t.teardown(() => server?.kill())
  const start = async (dataDirectory: string, fates: object) => {
    const program = ['test/crash/server.ts', '--points', files.points, '--clock', files.clock]
    program.push('--fates', JSON.stringify(fates))
    const settings = { DWELL_JOURNAL_FILE_BYTES: '32MiB', DWELL_CHECKPOINT_INTERVAL: '1h' }
    server = await DwellProcess.start({ dataDirectory, program, settings, logPath: files.log })
    return server.client
  }
  const publish = (client: DwellProcess['client']) => {
    return client.call('POST', '/v1/topics/orders/messages', { body: { messages: MESSAGES } })
  }
  let lost = 0
  for (let write = 1; write <= WRITES_MAX && lost < 2; write++) {
    const dataDirectory = join(directory, `data-${write}`)
    mkdirSync(dataDirectory)
    // The topic is there already, so that the publish is one write.
    const before = await start(dataDirectory, {})
    await before.call('PUT', '/v1/topics/orders', { body: { partitions: 1 } })
    await server?.stop()
    const client = await start(dataDirectory, { 'after write journal': write }).catch(() => undefined)
    if (client === undefined) continue
    const answer = await publish(client).catch(() => undefined)
    if (answer !== undefined) {
      await server?.kill()
      break
    }
    t.match(
      readFileSync(files.points, 'latin1'),
      /!after write journal\n$/,
      'it died behind a write, without an answer',
    )
    const again = await start(dataDirectory, {})
    const { results } = (await publish(again)).json as { results: { duplicate?: boolean; offset?: number }[] }
    const wasThere = results[0].duplicate === true
    if (wasThere) lost++
    t.equal(results[1].duplicate === true, wasThere, 'all of a request, or nothing')
    const twice = (await publish(again)).json as { results: object[] }
    const duplicate = { duplicate: true }
    t.match(twice.results, [{ ...results[0], ...duplicate }, { ...results[1], ...duplicate }, {}])
    const { json } = await again.call('GET', '/v1/topics/orders/partitions/0/records')
    const { records } = json as { records: { id?: string }[] }
    t.equal(records.filter(({ id }) => id === 'now').length, 1, 'once in the log')
    t.equal(records.length, wasThere ? 4 : 3, 'a message without an id comes each time it is published')
    const listed = (await again.call('GET', '/v1/topics/orders/delayed')).json as { messages: object[] }
    t.equal(listed.messages.length, 1, 'once in the wheel')
    await server?.kill()
  }
  t.ok(lost > 0, 'an answer was lost behind the sync')
})

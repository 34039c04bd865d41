// What requests get of a service that is not ready yet, or is told to stop before it is.

import { cpSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Broker } from '../../../service/broker.ts'
import { defaultSettings } from '../../../service/config.ts'
import { type Disk, type OpenMode, SILENT, SystemClock, SystemDisk, SystemRandom } from '../../../storage/index.ts'
import { freePort } from '../../support/dwell-process.ts'
import { type Answer, send, startService } from '../running-service.ts'

/** A disk on which each opening of a journal file to read it waits until it is let through, with one call or all at once. */
function gatedDisk() {
  const under = new SystemDisk()
  let waiting: (() => void)[] = []
  let isOpen = false
  const open = async (path: string, mode: OpenMode) => {
    if (mode === 'read' && path.endsWith('.journal') && !isOpen)
      await new Promise<void>((resolve) => waiting.push(resolve))
    return under.open(path, mode)
  }
  const disk = new Proxy<Disk>(under, {
    get: (target, name: keyof Disk) => (name === 'open' ? open : target[name].bind(target)),
  })
  const letOne = () => waiting.shift()?.()
  const letAll = () => {
    isOpen = true
    for (const go of waiting) go()
    waiting = []
  }
  return { disk, letOne, letAll }
}

/** A directory as a crash leaves it, with a message in its journal. */
async function crashed(t: Test): Promise<string> {
  const folder = t.testdir({ before: {} })
  const { publish, stop } = await startService(t, {}, { directory: join(folder, 'before') })
  t.equal((await publish('orders', { value: 'kept', partition: 0 })).status, 201)
  const directory = join(folder, 'after')
  cpSync(join(folder, 'before'), directory, { recursive: true })
  await stop()
  return directory
}

async function begin(t: Test, directory: string, unwanted?: AbortSignal) {
  const { disk, letOne, letAll } = gatedDisk()
  const port = await freePort()
  const starting = Broker.start({
    settings: { ...defaultSettings(), PORT: port, DATA_DIR: directory, DISK_RESERVE_BYTES: 1024 * 1024 },
    clock: new SystemClock(),
    random: new SystemRandom(),
    log: SILENT,
    disk,
    unwanted,
    onFailure: (error) => t.fail('the service failed', { error }),
  })
  starting.catch(() => {})
  const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    send(port, method, path, body, headers)
  /** Asks until it says that, and lets it go on meanwhile. */
  const says = async (why: RegExp): Promise<Answer> => {
    for (;;) {
      const answer = await call('GET', '/readyz').catch(() => undefined)
      if (why.test(answer?.json.why)) return answer as Answer
      letOne()
    }
  }
  return { starting, letAll, call, says }
}

t.test('a start says what it is at, refuses all else, and then serves what it recovered', async (t) => {
  const { starting, letAll, call, says } = await begin(t, await crashed(t))
  const early = await says(/^Checking the journal: file 1 of \d\.$/)
  t.match(early, { status: 503, json: { ready: false }, headers: { 'retry-after': '1', connection: 'close' } })
  t.match(await call('GET', '/healthz'), { status: 200, json: { alive: true } })
  const refused = { status: 503, json: { code: 'STARTING', detail: /^Checking the journal/ } }
  const headers = { 'retry-after': '1', 'content-type': /problem\+json/ }
  t.match(await call('POST', '/v1/topics/orders/messages', { value: 1 }), { ...refused, headers })
  for (const path of ['/metrics', '/openapi.json', '/v1/topics', '/nowhere']) t.match(await call('GET', path), refused)
  t.match(await call('GET', '/readyz', undefined, { origin: 'http://evil.example' }), { status: 403 })
  t.match(await call('GET', '/healthz', undefined, { host: 'evil.example' }), { status: 403 })
  await says(/^Replaying the journal: file 1 of \d\.$/)
  letAll()
  const broker = await starting
  t.match(await call('GET', '/readyz'), { status: 200, json: { ready: true } })
  t.match((await call('GET', '/v1/topics/orders/partitions/0/records')).json, { records: [{ value: 'kept' }] })
  await broker.stop()
})

t.test('a start that is told to stop ends before its next step, and the next start finds all there', async (t) => {
  const directory = await crashed(t)
  const told = new AbortController()
  const { starting, letAll, call, says } = await begin(t, directory, told.signal)
  await says(/journal/)
  told.abort()
  t.match((await call('GET', '/readyz')).json, { ready: false, why: 'The service is stopping.' })
  letAll()
  await t.rejects(starting, { code: 'ENGINE_CLOSED' })
  await t.rejects(call('GET', '/healthz'), { code: 'ECONNREFUSED' })
  const again = await startService(t, {}, { directory })
  t.match((await again.call('GET', '/v1/topics/orders/partitions/0/records')).json, { records: [{ value: 'kept' }] })
  await again.stop()
})

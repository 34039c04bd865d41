// The documentation tells the truth: its settings are those of the program, and what it says to type works as it stands.

import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { readTokenRows } from '../../service/access/tokens-file.ts'
import { settingsTable } from '../../service/config.ts'
import { DwellProcess, freePort } from '../support/dwell-process.ts'
import { codeBlocks, pageText, ROOT } from './page.ts'

// Several services and shells, one after the other.
t.setTimeout(180_000)

t.test('the table of settings is the one that the program prints', async (t) => {
  const table = /<!-- settings:.*-->\n([\s\S]*?)<!-- \/settings -->/.exec(pageText('docs/settings.md'))?.[1]
  t.equal(table?.trim(), settingsTable().trim(), 'to renew it: node test/support/renew-tables.ts')
})

t.test('the tour works as typed', { timeout: 90_000 }, async (t) => {
  const directory = t.testdir()
  const server = await DwellProcess.start({ dataDirectory: join(directory, 'data'), logPath: join(directory, 'log') })
  t.teardown(() => server.kill())
  const scripts = [
    ...codeBlocks('README.md', 'sh', '## A tour of two minutes'),
    ...codeBlocks('docs/delayed-messages.md', 'sh'),
    ...codeBlocks('docs/dead-letters.md', 'sh'),
    ...codeBlocks('docs/publishing.md', 'sh'),
  ]
  const said: string[] = []
  for (const script of scripts) {
    const typed = script.replaceAll('127.0.0.1:7200', `127.0.0.1:${server.port}`)
    const { stdout, stderr } = await promisify(execFile)('sh', ['-eu', '-c', typed])
    t.equal(stderr, '', 'no complaint')
    said.push(stdout)
  }
  const [first, second, third, fourth, fifth] = said
  t.match(first, /"partition":\d+,"offset":0/, 'the first is published')
  t.match(first, /"id":"order-19","topic":"orders","dueAt":"/, 'the third is delayed')
  t.match(first, /"state":"pending"/)
  t.match(first, /\{"state":"cancelled"\}/)
  t.match(first, /"value":\{"order": 17\}/, 'the first is acquired')
  t.match(first, /\{"results":\[\{"state":"acknowledged"\}\]\}/, 'the second is accepted')
  t.equal(second.match(/"state":"retrying"/g)?.length, 3, 'three retries')
  t.match(second, /\{"state":"dead"\}/, 'then it is dead')
  t.match(second, /"cause":"DELIVERY_COUNT_EXCEEDED"/)
  t.equal(
    second.match(/"reason":"bank offline"/g)?.length,
    5,
    'four attempts with their reasons, and the last one above',
  )
  t.match(third, /"messages":\[.*"id":"ada".*"id":"ben"\}\],"after":"/, 'the two that are due first')
  t.match(third, /"stepMs":60000,"counts":\[0,/, 'the forecast, in minutes')
  t.match(third, /"id":"ada","state":"pending","dueAt":"/, 'Ada waits longer')
  t.match(third, /"id":"ben","state":"dispatched"/, 'Ben does not')
  t.match(fourth, /"reasons":\[\{"cause":"CLIENT_REJECT","reason":"bank offline","count":2,/, 'what they died of')
  t.equal(fourth.match(/\{"count":2\}/g)?.length, 2, 'counted, and tried')
  t.match(fourth, /\{"task":"\w+"\}\n\{"redrives":\[\{"task":/, 'a redrive begins and is listed')
  t.match(fourth, /"deliveryCount":1,.*"attempts":\[\{.*"reason":"bank offline"\}\]/, 'it is there again')
  t.match(fourth, /\{"count":1\}\n\{"count":0\}\n$/, 'one is purged, none is left')
  t.match(
    fifth,
    /"id":"invoice-1",.*"dueAt":".*\n.*"offset":\d+\},.*"offset":\d+\}.*\n.*"dueAt":"/,
    'published in all ways',
  )
})

t.test('the receiver of pushes works as typed', { timeout: 60_000 }, async (t) => {
  const [receiver, typed] = ['js', 'sh'].map((language) => codeBlocks('docs/push.md', language)[0])
  const port = String(await freePort())
  const directory = t.testdir({ 'receiver.mjs': receiver.replace('8080', port) })
  const server = await DwellProcess.start({
    dataDirectory: join(directory, 'data'),
    logPath: join(directory, 'log'),
    settings: { DWELL_PUSH_ALLOWED_HOSTS: '127.0.0.1' },
  })
  t.teardown(() => server.kill())
  const script = typed.replaceAll('127.0.0.1:7200', `127.0.0.1:${server.port}`).replaceAll('8080', port)
  // The shell ends when the receiver has said what it got.
  const shell = spawn('sh', ['-eu', '-c', script], {
    cwd: directory,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => process.kill(-(shell.pid as number), 'SIGKILL'))
  let said = ''
  for await (const part of shell.stdout) {
    said += part
    if (said.includes('msg_')) break
  }
  t.match(said, /"push":\{"url":"http:\/\/127.0.0.1:\d+\/orders"[^}]*"headers":\{\},"secret":"set"\}/)
  t.match(said, /\nmsg_[\w-]{27} \{ order: 17 \}\n/)
  t.notMatch(said, 'whsec_')
})

t.test('tokens are made, and let in, as typed', { timeout: 60_000 }, async (t) => {
  const [typed, file] = ['sh', 'json'].map((language) => codeBlocks('docs/access.md', language)[0])
  const directory = t.testdir()
  const path = join(directory, 'tokens.json')
  const [serve, ...commands] = typed.trim().split('\n').reverse()
  const script = commands.reverse().join('\n').replaceAll('tokens.json', path)
  const { stdout } = await promisify(execFile)('sh', ['-eu', '-c', script], { cwd: ROOT })
  const [shop, billing, ...listed] = stdout.trim().split('\n')
  t.match(listed, [/^shop +publish +shop\.\*$/, /^billing +consume +shop\.orders,shop\.orders\.\*$/])
  t.match(serve, /^DWELL_TOKENS_FILE=tokens\.json DWELL_HOST=0\.0\.0\.0 npm start$/)
  const server = await DwellProcess.start({
    dataDirectory: join(directory, 'data'),
    logPath: join(directory, 'log'),
    settings: { DWELL_TOKENS_FILE: path, DWELL_HOST: '0.0.0.0' },
  })
  t.teardown(() => server.kill())
  const status = async (token: string, method: string, path: string) => {
    const headers = { authorization: `Bearer ${token}` }
    return (await server.client.call(method, path, { body: { value: 1 }, headers })).status
  }
  t.equal(await status(shop, 'POST', '/v1/topics/shop.orders/messages'), 201)
  t.equal(await status(billing, 'POST', '/v1/topics/shop.orders/messages'), 403)
  t.equal(await status('', 'POST', '/v1/topics/shop.orders/messages'), 401)
  const [row] = readTokenRows(file.replace('…', '0'.repeat(64)))
  t.match(row, { name: 'shop', limits: { requestsPerSecond: 500, pending: 100_000 } })
})

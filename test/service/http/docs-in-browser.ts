// Looks at the pages below /docs in a real browser (Chromium), by hand: node test/service/http/docs-in-browser.ts [folder]
//
// Of each page, on a wide screen and on a phone, light and dark: nothing is wider than the screen, nothing was asked of another
// host, nothing was refused by its policy, no script ran although hostile values are stored everywhere (test/faults/README.md row A27). Leaves
// a picture of each in the folder. CHROMIUM names the program if it is not `chromium`.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { startService } from '../running-service.ts'

const FOLDER = process.argv[2] ?? tmpdir()
const SCREENS = { desktop: { width: 1280, height: 900 }, phone: { width: 360, height: 740 } }
const PAGES = ['/docs', '/docs/errors', '/docs/errors/INVALID_TIME', '/docs/errors/UNSUPPORTED_CONTENT_ENCODING']
const EVIL = `"'><script>document.title='owned'</script><img src=//evil.example/x onerror="document.title='owned'">`

interface Message {
  id?: number
  method?: string
  params?: { request?: { url: string }; entry?: { text: string } }
  // biome-ignore lint/suspicious/noExplicitAny: what the browser answers
  result?: any
}

/** One tab of a browser, spoken to by the Chrome DevTools Protocol. */
class Tab {
  readonly heard: Message[] = []
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (message: Message) => void>()
  #sent = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      const message: Message = JSON.parse(data)
      if (message.id === undefined) this.heard.push(message)
      else this.#waiting.get(message.id)?.(message)
    })
  }

  static async open(port: string): Promise<Tab> {
    const answer = await fetch(`http://127.0.0.1:${port}/json/new`, { method: 'PUT' })
    const { webSocketDebuggerUrl } = (await answer.json()) as { webSocketDebuggerUrl: string }
    const socket = new WebSocket(webSocketDebuggerUrl)
    await new Promise((resolve) => socket.addEventListener('open', resolve))
    return new Tab(socket)
  }

  async call(method: string, params: object = {}): Promise<Message['result']> {
    const id = ++this.#sent
    const answered = new Promise<Message>((resolve) => this.#waiting.set(id, resolve))
    this.#socket.send(JSON.stringify({ id, method, params }))
    return (await answered).result
  }

  async show(url: string): Promise<void> {
    this.heard.length = 0
    await this.call('Page.navigate', { url })
    while (!this.heard.some(({ method }) => method === 'Page.loadEventFired')) await new Promise(setImmediate)
  }

  async evaluate(expression: string): Promise<unknown> {
    return (await this.call('Runtime.evaluate', { expression })).result.value
  }
}

async function browser(t: Test): Promise<Tab> {
  const profile = mkdtempSync(join(tmpdir(), 'docs-in-browser-'))
  const flags = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--remote-debugging-port=0',
    `--user-data-dir=${profile}`,
  ]
  const running = spawn(process.env.CHROMIUM ?? 'chromium', flags, { stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(async () => {
    const ended = new Promise((resolve) => running.once('exit', resolve))
    running.kill()
    await ended
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 })
  })
  for await (const line of createInterface(running.stderr)) {
    const port = /DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]
    if (port !== undefined) return Tab.open(port)
  }
  throw new Error('The browser did not start.')
}

t.test('the pages in a browser', { timeout: 120_000 }, async (t) => {
  const { call, port } = await startService(t)
  const group = '/v1/topics/orders/groups/billing'
  await call('POST', '/v1/topics/orders/messages', {
    value: EVIL,
    key: EVIL,
    headers: { [EVIL]: EVIL },
    id: EVIL,
    delay: '1h',
  })
  await call('PUT', group, {})
  await call('POST', `${group}/pause`, { reason: EVIL })

  const tab = await browser(t)
  for (const domain of ['Page', 'Network', 'Log', 'Runtime']) await tab.call(`${domain}.enable`)
  for (const scheme of ['light', 'dark']) {
    await tab.call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] })
    for (const [screen, size] of Object.entries(SCREENS)) {
      await tab.call('Emulation.setDeviceMetricsOverride', {
        ...size,
        deviceScaleFactor: 1,
        mobile: screen === 'phone',
      })
      for (const path of PAGES) {
        const name = `docs-${path.slice(6).replaceAll('/', '-') || 'interface'}-${screen}-${scheme}`
        await tab.show(`http://127.0.0.1:${port}${path}`)
        const beyond = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
        t.equal(await tab.evaluate(beyond), 0, `${name}: nothing is wider than the screen`)
        const urls = tab.heard.flatMap(({ params }) => params?.request?.url ?? [])
        t.same(
          urls.filter((url) => !url.startsWith(`http://127.0.0.1:${port}/docs`) && url !== 'data:,'),
          [],
          `${name}: no other host`,
        )
        t.same(
          tab.heard.flatMap(({ params }) => params?.entry?.text ?? []),
          [],
          `${name}: nothing to complain of`,
        )
        const { data } = await tab.call('Page.captureScreenshot', { format: 'png' })
        writeFileSync(join(FOLDER, `${name}.png`), Buffer.from(data, 'base64'))
      }
    }
  }
  const hostile = ['/docs', `/docs/errors/${encodeURIComponent(EVIL)}`, `/nowhere/${encodeURIComponent(EVIL)}`, group]
  for (const path of [...hostile, `/v1/topics/orders/delayed?limit=5`]) {
    await tab.show(`http://127.0.0.1:${port}${path}`)
    t.not(await tab.evaluate('document.title'), 'owned', `${path}: no script ran`)
    t.notOk(
      tab.heard.some(({ params }) => /^https?:\/\/evil\.example/.test(params?.request?.url ?? '')),
      `${path}: nothing was loaded for it`,
    )
  }
})

// The whole service in this process: real disk, real sockets, a free port, the clock that a test gives.

import { request } from 'node:http'
import type { Test } from 'tap'
import { Broker } from '../../service/broker.ts'
import { defaultSettings } from '../../service/config.ts'
import type { Settings } from '../../service/settings.ts'
import { type Clock, type Disk, SILENT, SystemClock, SystemDisk, SystemRandom } from '../../storage/index.ts'
import { checkDocumented } from '../openapi/documented.ts'

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it
  json: any
}

export interface RunningService {
  port: number
  directory: string
  /** A JSON body unless it is text or bytes. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  publish(topic: string, body: unknown): Promise<Answer>
  stop(): Promise<void>
}

export async function startService(
  t: Test,
  settings: Partial<Settings> = {},
  options: { directory?: string; clock?: Clock; disk?: Disk } = {},
): Promise<RunningService> {
  // Registered before the folder is made: tap then stops the service first and removes the folder after.
  let broker: Broker | undefined
  t.teardown(() => broker?.stop())
  const { directory = t.testdir(), clock = new SystemClock() } = options
  broker = await Broker.start({
    settings: {
      ...defaultSettings(),
      PORT: 0,
      DATA_DIR: directory,
      JOURNAL_FILE_BYTES: 32 * 1024 * 1024,
      DISK_RESERVE_BYTES: 1024 * 1024,
      ...settings,
    },
    disk: options.disk ?? new SystemDisk(),
    clock,
    random: new SystemRandom(),
    log: SILENT,
    onFailure: (error) => t.fail('the service failed', { error }),
  })
  const port = Number(new URL(broker.address).port)
  const call: RunningService['call'] = async (method, path, body, headers) => {
    const answer = await send(port, method, path, body, headers)
    checkDocumented(method, path, answer)
    return answer
  }
  return {
    port,
    directory,
    call,
    publish: (topic, body) => call('POST', `/v1/topics/${topic}/messages`, body),
    stop: async () => broker?.stop(),
  }
}

/** One request on a connection of its own, from one of the loopback addresses; the path goes out exactly as it is given. */
export function send(
  port: number,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  from?: string,
): Promise<Answer> {
  // Node would send headers in UTF-8, not latin1, together with a body that is a text.
  const bytes =
    body === undefined || Buffer.isBuffer(body)
      ? body
      : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
  return new Promise((resolve, reject) => {
    const to = { host: '127.0.0.1', port, method, path, agent: false, localAddress: from }
    const sent = request({ ...to, headers: { ...type, ...headers } }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part) => parts.push(part))
      answer.on('error', reject)
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString()
        const isJson = /json/.test(answer.headers['content-type'] ?? '')
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          text,
          json: isJson && text !== '' ? JSON.parse(text) : undefined,
        })
      })
    })
    sent.on('error', reject)
    sent.end(bytes)
  })
}

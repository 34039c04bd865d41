// A small HTTP client for tests that drive a real server: keep-alive connections, JSON in and out, and it says whether
// a request that failed can have reached the server at all.

import { Agent, request } from 'node:http'

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  /** The parsed body; undefined when it is not JSON. */
  json: unknown
}

/**
 * No answer came. `sent` is false when no connection was made, so that nothing can have happened; `reused` is true when the
 * connection had carried a request before.
 */
export class NoAnswer extends Error {
  override name = 'NoAnswer'
  readonly sent: boolean
  readonly reused: boolean

  constructor(sent: boolean, cause: unknown, reused = false) {
    super(`no answer: ${(cause as Error).message}`, { cause })
    this.sent = sent
    this.reused = reused
  }
}

export interface CallOptions {
  body?: unknown
  /** The body as it is, in place of JSON. */
  raw?: string | Buffer
  headers?: Record<string, string>
  timeoutMs?: number
}

export class HttpClient {
  readonly #port: number
  readonly #agent: Agent

  constructor(port: number, connections = 64) {
    this.#port = port
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  /** @throws NoAnswer */
  call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body))
    const headers: Record<string, string | number> = { ...options.headers }
    if (body !== undefined) {
      headers['content-length'] = Buffer.byteLength(body)
      headers['content-type'] ??= 'application/json'
    }
    return new Promise((resolve, reject) => {
      let connected = false
      const call = request(
        { host: '127.0.0.1', port: this.#port, method, path, headers, agent: this.#agent },
        (response) => {
          const parts: Buffer[] = []
          response.on('data', (part) => parts.push(part))
          response.on('error', (error) => reject(new NoAnswer(true, error)))
          response.on('end', () => {
            if (!response.complete) return reject(new NoAnswer(true, new Error('the answer broke off')))
            const text = Buffer.concat(parts).toString('utf8')
            resolve({ status: response.statusCode as number, headers: response.headers, text, json: parsed(text) })
          })
        },
      )
      call.on('socket', (socket) => {
        if (!socket.connecting) connected = true
        else socket.once('connect', () => (connected = true))
      })
      call.setTimeout(options.timeoutMs ?? 30_000, () => call.destroy(new Error('time-out')))
      call.on('error', (error) => reject(new NoAnswer(connected, error, call.reusedSocket)))
      call.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

// One request and its answer over HTTP: a connection of the pool, a bound in time, a bound in bytes.
//
// node:http and not fetch: a small publish costs a third of the time (1,300 against 450 calls a second beside a server in the
// same process, 16 at a time), and the certificate authority of a private installation can be given without a package.
//
// Always true:
//   1. The promise settles once, and nothing of the exchange is left behind then: no timer, no listener, no half-read socket.
//   2. It rejects with a CallError, or with the reason of the signal; a signal that aborts ends the exchange at once.

import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { CallError } from './call-error.ts'
import type { Surroundings } from './surroundings.ts'

export interface Address {
  /** `http://127.0.0.1:7200`, with a path if a proxy serves it below one. */
  url: URL
  /** PEM of the authorities to trust instead of the system's. */
  ca?: string | Uint8Array
  /** PEM of a client certificate, and its key. */
  cert?: string | Uint8Array
  key?: string | Uint8Array
  connectionsMax: number
}

export interface Outgoing {
  method: string
  /** With query; behind the path of the address. */
  path: string
  headers: Record<string, string | number>
  body?: string | Uint8Array
  timeoutMs: number
  signal?: AbortSignal
  /** An answer that has begun is read to its end whatever the signal says: what it hands over would be lost. */
  keepBegunAnswer?: boolean
}

export interface Incoming {
  status: number
  headers: IncomingMessage['headers']
  text: string
}

const UNTRUSTED = /CERT|SELF_SIGNED|SSL|TLS|EPROTO|ALTNAME/
/** OpenSSL's words for an answer that is no TLS. */
const NO_TLS = /wrong version number|packet length too long|http request/i
const IDLE_MS = 30_000

export class Exchanges {
  readonly #address: Address
  readonly #agent: Agent
  readonly #surroundings: Surroundings
  readonly #answerBytesMax: number
  readonly #base: string

  constructor(address: Address, answerBytesMax: number, surroundings: Surroundings) {
    const { url, ca, cert, key, connectionsMax } = address
    this.#address = address
    this.#surroundings = surroundings
    this.#answerBytesMax = answerBytesMax
    this.#base = url.pathname.replace(/\/$/, '')
    const pool = { keepAlive: true, maxSockets: connectionsMax, timeout: IDLE_MS }
    this.#agent =
      url.protocol === 'https:'
        ? new TlsAgent({ ...pool, ca: ca as Buffer, cert: cert as Buffer, key: key as Buffer })
        : new Agent(pool)
  }

  /** @throws CallError, or the reason of the signal */
  run(outgoing: Outgoing): Promise<Incoming> {
    const { method, path, headers, body, timeoutMs, signal, keepBegunAnswer = false } = outgoing
    const { protocol, hostname, port } = this.#address.url
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      let connected = false
      let begun = false
      let call: ClientRequest | undefined
      const settle = (finish: () => void) => {
        cancelTimer()
        signal?.removeEventListener('abort', abort)
        finish()
      }
      const fail = (error: unknown) => settle(() => reject(error))
      const abort = () => {
        if (begun && keepBegunAnswer) return
        fail(signal?.reason)
        call?.destroy()
      }
      const cancelTimer = this.#surroundings.after(timeoutMs, () => {
        const sentence = `${this.#where()} did not answer within ${timeoutMs} ms.`
        fail(new CallError({ code: 'TIMED_OUT', sentence, sent: connected }))
        call?.destroy()
      })
      signal?.addEventListener('abort', abort, { once: true })
      try {
        const options = {
          method,
          hostname: hostname.replace(/^\[|\]$/g, ''),
          port: port === '' ? undefined : port,
          path: this.#base + path,
          headers: body === undefined ? headers : { ...headers, 'content-length': Buffer.byteLength(body) },
          agent: this.#agent,
        }
        call = protocol === 'https:' ? tlsRequest(options) : request(options)
      } catch (error) {
        return fail(new CallError({ code: 'INVALID_ARGUMENT', sentence: (error as Error).message, cause: error }))
      }
      const failed = (error: NodeJS.ErrnoException) => fail(this.#lost(error, connected))
      call.on('error', failed)
      call.on('socket', (socket) => {
        if (!socket.connecting) connected = true
        else socket.once(protocol === 'https:' ? 'secureConnect' : 'connect', () => (connected = true))
      })
      call.on('response', (answer) => {
        begun = true
        const parts: Buffer[] = []
        let size = 0
        answer.on('data', (part: Buffer) => {
          size += part.length
          if (size <= this.#answerBytesMax) return void parts.push(part)
          const sentence = `The answer is larger than the ${this.#answerBytesMax} bytes that the client takes.`
          fail(
            new CallError({ code: 'ANSWER_TOO_LARGE', sentence, sent: true, fields: { limit: this.#answerBytesMax } }),
          )
          answer.destroy()
        })
        answer.on('error', failed)
        answer.on('end', () => {
          const text = Buffer.concat(parts, size).toString()
          settle(() => resolve({ status: answer.statusCode as number, headers: answer.headers, text }))
        })
        answer.on('close', () => {
          if (!answer.complete) failed(new Error('the answer broke off'))
        })
      })
      call.end(body)
    })
  }

  /** Connections that are idle are closed, those in use too: what waits for an answer ends with CONNECTION_LOST. */
  close(): void {
    this.#agent.destroy()
  }

  #lost(error: NodeJS.ErrnoException, connected: boolean): CallError {
    const { code = '', message } = error
    if (!connected && NO_TLS.test(message)) {
      const { origin, host } = this.#address.url
      const sentence = `What answers at ${origin} speaks no TLS: it may be http://${host}.`
      return new CallError({ code: 'TLS_NOT_SPOKEN', sentence, cause: error })
    }
    if (!connected && UNTRUSTED.test(code)) {
      const sentence = `No trusted connection to ${this.#address.url.origin}: ${message}.`
      return new CallError({ code: 'TLS_FAILED', sentence, cause: error })
    }
    if (connected) {
      const sentence = `The connection to ${this.#address.url.origin} was lost before it answered: ${message}.`
      return new CallError({ code: 'CONNECTION_LOST', sentence, sent: true, cause: error })
    }
    const why = message === '' ? code : message
    return new CallError({ code: 'UNREACHABLE', sentence: `${this.#where()} cannot be reached: ${why}.`, cause: error })
  }

  #where(): string {
    return `The service at ${this.#address.url.origin}`
  }
}

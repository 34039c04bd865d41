// A web server that endpoints of groups point to, in a process of its own: the first part of the path says how it behaves. It
// writes down what came to it, when, what it answered, and whether its signature is right.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Webhook } from 'standardwebhooks'
import { runLoad } from './load-process.ts'
import { numberOf } from './numbered.ts'
import { clockStepMs, wallMs } from './wall-clock.ts'

export interface ReceiverOptions {
  port: number
  /** Numbered messages 0 … count - 1. */
  count: number
  secret: string
  /** One push of so many is verified: the package is slow. */
  verifyEach: number
  /** Whether each push is told of one by one. */
  tells: boolean
}

export interface ReceivedPush {
  endpoint: string
  atMs: number
  deliveryCount: number
  /** What it did with it. */
  behaved: string
  verified: boolean
}

export interface ReceiverResult {
  /** When message n first came, by the wall clock; 0 when it did not. */
  arrivedMs: Float64Array
  pushes: number
  /** Beyond the first of each message. */
  again: number
  verified: number
  forged: number
  connections: number
  told: ReceivedPush[]
  clockStepMs: number
}

export type ReceiverTold = 'finish' | 'recover'

interface Push {
  request: IncomingMessage
  response: ServerResponse
  deliveryCount: number
}

const DRIP_MS = 100
const RETRY_AFTER_SECONDS = 1

/** Answers, and says what was done. */
const BEHAVIOURS: Record<string, (push: Push) => string> = {
  accepts: ({ response }) => {
    response.end()
    return '200'
  },
  fails: ({ response }) => {
    response.writeHead(500).end('the bank is offline')
    return '500'
  },
  'fails-twice': (push) => BEHAVIOURS[push.deliveryCount <= 2 ? 'fails' : 'accepts'](push),
  'is-busy-once': (push) => {
    if (push.deliveryCount > 1) return BEHAVIOURS.accepts(push)
    push.response.writeHead(429, { 'retry-after': String(RETRY_AFTER_SECONDS) }).end('slower, please')
    return `429, Retry-After: ${RETRY_AFTER_SECONDS}`
  },
  'is-busy-until': (push) => {
    if (push.deliveryCount > 1) return BEHAVIOURS.accepts(push)
    const until = new Date(Math.ceil(wallMs() / 1000 + RETRY_AFTER_SECONDS) * 1000).toUTCString()
    push.response.writeHead(503, { 'retry-after': until }).end()
    return '503, Retry-After: a date'
  },
  refuses: ({ response }) => {
    response.writeHead(400).end('no such field')
    return '400'
  },
  rejects: ({ response }) => {
    response.writeHead(422, { 'dwell-acknowledge': 'reject' }).end('no such customer')
    return '422, Dwell-Acknowledge: reject'
  },
  redirects: ({ request, response }) => {
    response.writeHead(302, { location: `http://${request.headers.host}/accepts/` }).end()
    return '302'
  },
  gone: ({ response }) => {
    response.writeHead(410).end('moved away')
    return '410'
  },
  hangs: () => 'nothing',
  closes: ({ request }) => {
    request.socket.end()
    return 'FIN'
  },
  resets: ({ request }) => {
    request.socket.resetAndDestroy()
    return 'RST'
  },
  drips: ({ response }) => {
    response.writeHead(200)
    const timer = setInterval(() => response.write('.'), DRIP_MS)
    response.once('close', () => clearInterval(timer))
    return '200, byte by byte'
  },
  pours: ({ response }) => {
    const piece = Buffer.alloc(16 * 1024, 'x')
    const pour = () => {
      while (!response.destroyed && response.write(piece));
      if (!response.destroyed) response.once('drain', pour)
    }
    response.writeHead(500)
    pour()
    return '500 without end'
  },
}

export const ENDPOINTS: readonly string[] = Object.keys(BEHAVIOURS)

if (import.meta.main) await runLoad(receive)

async function receive(
  { port, count, secret, verifyEach, tells }: ReceiverOptions,
  ready: () => void,
  onTold: (tell: (what: ReceiverTold) => void) => void,
): Promise<ReceiverResult> {
  const webhook = new Webhook(secret)
  const told: ReceivedPush[] = []
  const result = {
    arrivedMs: new Float64Array(count),
    pushes: 0,
    again: 0,
    verified: 0,
    forged: 0,
    connections: 0,
    told,
  }
  const finished = Promise.withResolvers<void>()
  let recovered = false
  onTold((what) => {
    if (what === 'recover') recovered = true
    else finished.resolve()
  })
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part) => parts.push(part))
    request.on('error', () => {})
    response.on('error', () => {})
    request.on('end', () => {
      const body = parts.length === 1 ? parts[0] : Buffer.concat(parts)
      const atMs = wallMs()
      const n = numberOf(body)
      if (result.arrivedMs[n] === 0) result.arrivedMs[n] = atMs
      else result.again++
      let verified = false
      if (result.pushes++ % verifyEach === 0) {
        verified = isGenuine(webhook, body, request)
        if (verified) result.verified++
        else result.forged++
      }
      const endpoint = (request.url as string).split('/')[1]
      const deliveryCount = Number(request.headers['dwell-delivery-count'])
      const behave = BEHAVIOURS[recovered ? 'accepts' : endpoint]
      const behaved = behave({ request, response, deliveryCount })
      if (tells) told.push({ endpoint, atMs, deliveryCount, behaved, verified })
    })
  })
  server.on('connection', () => result.connections++)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  ready()
  await finished.promise
  server.closeAllConnections()
  return { ...result, clockStepMs: clockStepMs() }
}

function isGenuine(webhook: Webhook, body: Buffer, { headers }: IncomingMessage): boolean {
  try {
    webhook.verify(body, headers as Record<string, string>, { jsonParse: false })
    return true
  } catch {
    return false
  }
}

// A service that answers what a test says, request by request; real sockets, so that they can break.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Test } from 'tap'

export interface Asked {
  method: string
  path: string
  headers: IncomingMessage['headers']
  body: string
}

export type Script = (asked: Asked, answer: Answering, index: number) => void

export interface Answering {
  json(status: number, document: unknown, headers?: Record<string, string>): void
  /** A problem document. */
  problem(status: number, code: string, fields?: Record<string, unknown>, headers?: Record<string, string>): void
  text(status: number, text: string): void
  /** Sends the first half of a JSON answer; the function that it answers sends the rest. */
  begin(document: unknown): () => void
  /** The connection breaks, without an answer or in the middle of one. */
  hangUp(begun?: boolean): void
}

export interface ScriptedService {
  url: string
  asked: Asked[]
}

export async function scriptedService(t: Test, script: Script): Promise<ScriptedService> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part) => parts.push(part))
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      const one = { method, path, headers, body: Buffer.concat(parts).toString() }
      script(one, answering(response), asked.push(one) - 1)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, asked }
}

function answering(response: ServerResponse): Answering {
  const send = (status: number, type: string, text: string, headers: Record<string, string> = {}) => {
    response.writeHead(status, { ...headers, 'content-type': type }).end(text)
  }
  return {
    json: (status, document, headers) => send(status, 'application/json', JSON.stringify(document), headers),
    problem: (status, code, fields = {}, headers) =>
      send(status, 'application/problem+json', JSON.stringify({ type: '', title: '', status, code, detail: `${code}.`, ...fields }), headers), // biome-ignore format: short
    text: (status, text) => send(status, 'text/html', text),
    begin: (document) => {
      const text = JSON.stringify(document)
      response.writeHead(200, { 'content-type': 'application/json' }).write(text.slice(0, 5))
      return () => void response.end(text.slice(5))
    },
    hangUp: (begun = false) => {
      if (begun) response.writeHead(200, { 'content-length': '100' }).write('{"half')
      setImmediate(() => response.socket?.destroy())
    },
  }
}

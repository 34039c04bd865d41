// Dwell itself, as the others are reached: NDJSON requests; consumers that each wait with acquire for up to 500 records, or
// for one, and accept them. Publishes, dispatches, acquisitions and accepts are all synced before they are answered.

import { HttpClient } from '../../support/http-client.ts'
import { BenchServer } from '../bench-server.ts'
import { HttpConnection } from '../http-connection.ts'
import { numberOf, textOf } from '../numbered.ts'
import { wallMs } from '../wall-clock.ts'
import type { Due, Peer, PeerClient, PeerServer, Planned, Taking } from './peer.ts'

export const TOPIC = 'orders'
export const PARTITIONS = 4
const BATCH = 500
const LINES = { 'content-type': 'application/x-ndjson' }

export interface DwellServer extends PeerServer {
  server: BenchServer
}

export function dwell(settings: Record<string, string> = {}) {
  return {
    name: 'Dwell',
    answered: 'synced',
    missing: () => undefined,
    start: async (): Promise<DwellServer> => {
      const server = await BenchServer.start(settings)
      await server.call('PUT', `/v1/topics/${TOPIC}`, { partitions: PARTITIONS })
      return { server, pid: server.process.pid, port: server.port, stop: () => server.stop() }
    },
    connect: (port: number, topic = TOPIC) => new DwellClient(port, topic),
  } satisfies Peer
}

class DwellClient implements PeerClient {
  readonly #port: number
  readonly #base: string
  #publishing: HttpClient | undefined

  constructor(port: number, topic: string) {
    this.#port = port
    this.#base = `/v1/topics/${topic}`
  }

  async publish(messages: readonly Planned[], size: number): Promise<Due[]> {
    this.#publishing ??= new HttpClient(this.#port)
    let raw = ''
    // Its filling is plain text: nothing in it needs an escape.
    for (const { n, dueAtMs } of messages) {
      raw += `{"value":"${textOf(n, size)}"${dueAtMs === undefined ? '' : `,"deliverAt":${dueAtMs}`}}\n`
    }
    const { status, text } = await this.#publishing.call('POST', `${this.#base}/messages?results=none`, {
      raw,
      headers: LINES,
    })
    if (status !== 201) throw new Error(`publishing answers ${status} ${text.slice(0, 300)}`)
    return messages.map(({ dueAtMs = 0 }) => ({ dueAtMs, notBeforeMs: dueAtMs }))
  }

  consume({ consumers, single = false, onTaken, onFinished }: Taking): () => Promise<void> {
    let stopping = false
    const base = `${this.#base}/groups/billing`
    const wanted = JSON.stringify({ max: single ? 1 : BATCH, wait: '1s', lock: '10m' })
    const consumeOne = async () => {
      const connection = new HttpConnection(this.#port)
      while (!stopping) {
        const { records }: Acquired = JSON.parse(await connection.post(`${base}/acquire`, wanted))
        const atMs = wallMs()
        if (records.length === 0) continue
        for (const { value } of records) onTaken(numberOf(value), atMs)
        const acknowledgements = records.map(({ receipt }) => ({ receipt, type: 'accept' }))
        const answer = await connection.post(`${base}/acknowledge`, JSON.stringify({ acknowledgements }))
        const { results }: Acknowledged = JSON.parse(answer)
        const wrong = results.find(({ state }) => state !== 'acknowledged')
        if (wrong) throw new Error(`acknowledge answers ${JSON.stringify(wrong)}`)
        onFinished(records.length)
      }
      connection.close()
    }
    const all = Promise.all(Array.from({ length: consumers }, consumeOne))
    return async () => {
      stopping = true
      await all
    }
  }
}

interface Acquired {
  records: { value: string; receipt: string }[]
}

interface Acknowledged {
  results: { state: string }[]
}

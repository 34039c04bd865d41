// Dwell itself, as the others are reached: NDJSON requests; consumers that each wait with acquire for up to 500 records and
// accept them. Publishes, dispatches, acquisitions and accepts are all synced before they are answered.

import { HttpClient } from '../../support/http-client.ts'
import { BenchServer } from '../bench-server.ts'
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
  readonly #client: HttpClient
  readonly #base: string

  constructor(port: number, topic: string) {
    this.#client = new HttpClient(port)
    this.#base = `/v1/topics/${topic}`
  }

  async publish(messages: readonly Planned[], size: number): Promise<Due[]> {
    let raw = ''
    // Its filling is plain text: nothing in it needs an escape.
    for (const { n, dueAtMs } of messages) raw += `{"value":"${textOf(n, size)}","deliverAt":${dueAtMs}}\n`
    const { status, text } = await this.#client.call('POST', `${this.#base}/messages?results=none`, {
      raw,
      headers: LINES,
    })
    if (status !== 201) throw new Error(`publishing answers ${status} ${text.slice(0, 300)}`)
    return messages.map(({ dueAtMs }) => ({ dueAtMs, notBeforeMs: dueAtMs }))
  }

  consume({ consumers, onTaken, onFinished }: Taking): () => Promise<void> {
    let stopping = false
    const base = `${this.#base}/groups/billing`
    const consumeOne = async () => {
      while (!stopping) {
        const acquired = await this.#call(`${base}/acquire`, { max: BATCH, wait: '1s', lock: '10m' })
        const atMs = wallMs()
        const { records } = acquired as { records: { value: string; receipt: string }[] }
        if (records.length === 0) continue
        for (const { value } of records) onTaken(numberOf(value), atMs)
        const acknowledgements = records.map(({ receipt }) => ({ receipt, type: 'accept' }))
        const { results } = (await this.#call(`${base}/acknowledge`, { acknowledgements })) as AcknowledgeAnswer
        const wrong = results.find(({ state }) => state !== 'acknowledged')
        if (wrong) throw new Error(`acknowledge answers ${JSON.stringify(wrong)}`)
        onFinished(records.length)
      }
    }
    const all = Promise.all(Array.from({ length: consumers }, consumeOne))
    return async () => {
      stopping = true
      await all
      this.#client.close()
    }
  }

  async #call(path: string, body: object): Promise<unknown> {
    const { status, text, json } = await this.#client.call('POST', path, { body })
    if (status !== 200) throw new Error(`${path} answers ${status} ${text.slice(0, 300)}`)
    return json
  }
}

interface AcknowledgeAnswer {
  results: { state: string }[]
}

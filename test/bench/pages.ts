// Reads partitions as they are stored, page after page, with little work for the server.

import { Agent, request } from 'node:http'
import { readPage, type StoredRecord, valueOfRecordBody } from '../../storage/index.ts'
import { numberOf } from './numbered.ts'

const PAGE_BYTES = 8 * 1024 * 1024

export interface LogPage {
  records: StoredRecord[]
  nextOffset: number
  highWatermark: number
}

export class Pages {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true })

  constructor(port: number) {
    this.#port = port
  }

  /** What lies in the partition from `offset` on, up to some megabytes of it; nothing at its end. */
  async read(topic: string, partition: number, offset: number): Promise<LogPage> {
    const path = `/v1/topics/${topic}/partitions/${partition}/batches?offset=${offset}&maxBytes=${PAGE_BYTES}`
    const { bytes, highWatermark } = await this.#get(path)
    return { ...readPage(bytes, offset), highWatermark }
  }

  close(): void {
    this.#agent.destroy()
  }

  #get(path: string): Promise<{ bytes: Buffer; highWatermark: number }> {
    return new Promise((resolve, reject) => {
      const call = request({ host: '127.0.0.1', port: this.#port, path, agent: this.#agent }, (answer) => {
        const parts: Buffer[] = []
        answer.on('data', (part) => parts.push(part))
        answer.on('error', reject)
        answer.on('end', () => {
          const bytes = Buffer.concat(parts)
          if (answer.statusCode !== 200) return reject(new Error(`${path} answers ${answer.statusCode} ${bytes}`))
          resolve({ bytes, highWatermark: Number(answer.headers['dwell-high-watermark']) })
        })
      })
      call.on('error', reject)
      call.end()
    })
  }
}

export interface Found {
  partition: number
  offset: number
  timestampMs: number
}

/** Reads a whole topic of numbered messages: what each record is, and where. */
export async function forEachNumbered(
  port: number,
  { topic, partitions }: { topic: string; partitions: number },
  onRecord: (n: number, found: Found) => void,
): Promise<void> {
  const pages = new Pages(port)
  for (let partition = 0; partition < partitions; partition++) {
    for (let offset = 0, end = 1; offset < end; ) {
      const page = await pages.read(topic, partition, offset)
      for (const { offset, timestampMs, body } of page.records) {
        onRecord(numberOf(valueOfRecordBody(body) as Buffer), { partition, offset, timestampMs })
      }
      offset = page.nextOffset
      end = page.highWatermark
    }
  }
  pages.close()
}

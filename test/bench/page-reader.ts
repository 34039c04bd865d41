// Reads a partition over HTTP in a process of its own, page after page, from its beginning and again when it has come
// to the end, for some seconds. Prints how many bytes came in how long.
//
//   node test/bench/page-reader.ts PORT URL-WITHOUT-OFFSET CONNECTIONS SECONDS

import { Agent, request } from 'node:http'

const [port, url, connections, seconds] = process.argv.slice(2)
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) })
const NEXT_OFFSET = /"nextOffset":(\d+),"highWatermark":(\d+)\}$/

/** Reads one page, looking at nothing but where to read on; answers that, and how many bytes it was. */
function readPage(offset: number): Promise<{ size: number; nextOffset: number; highWatermark: number }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path: `${url}&offset=${offset}`, agent }, (answer) => {
      let size = 0
      let last: Buffer = Buffer.alloc(0)
      answer.on('data', (part: Buffer) => {
        size += part.length
        last = part
      })
      answer.on('error', reject)
      answer.on('end', () => {
        if (answer.statusCode !== 200) return reject(new Error(`${url} answers ${answer.statusCode} ${last}`))
        const header = (name: string) => answer.headers[`dwell-${name}`]
        const inText = header('next-offset') === undefined ? NEXT_OFFSET.exec(last.toString('latin1')) : null
        const nextOffset = Number(inText?.[1] ?? header('next-offset'))
        const highWatermark = Number(inText?.[2] ?? header('high-watermark'))
        resolve({ size, nextOffset, highWatermark })
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

const startMs = performance.now()
let bytes = 0
let pages = 0
async function read(): Promise<void> {
  for (let offset = 0; performance.now() - startMs < Number(seconds) * 1000; ) {
    const { size, nextOffset, highWatermark } = await readPage(offset)
    bytes += size
    pages++
    offset = nextOffset < highWatermark ? nextOffset : 0
  }
}
await Promise.all(Array.from({ length: Number(connections) }, read))
const ms = performance.now() - startMs
agent.destroy()
console.log(JSON.stringify({ bytes, pages, ms }))

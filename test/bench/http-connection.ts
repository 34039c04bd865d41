// One keep-alive connection to a server on this machine, one request at a time. As much of HTTP as a load needs, and no
// more: a client for everybody costs several times as much for each request, and shares the machine with the server.

import { connect, type Socket } from 'node:net'

const HEAD_END = Buffer.from('\r\n\r\n')
const SIZE = /^content-length: (\d+)/im

interface Answering {
  resolve(body: string): void
  reject(error: Error): void
}

export class HttpConnection {
  readonly #socket: Socket
  #answering: Answering | undefined
  /** What came of the answer under way. */
  #parts: Buffer[] = []
  #size = 0
  /** Of the whole answer, its head too; undefined until that is there. */
  #answerSize: number | undefined
  #bodyAt = 0

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1').setNoDelay(true)
    this.#socket.on('data', (part) => this.#take(part))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error('the connection was closed')))
  }

  /** Sends JSON, ASCII only; resolves with the body of the answer. Any status but 200 is an error. */
  post(path: string, json: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#answering = { resolve, reject }
      const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json`
      this.#socket.write(`${head}\r\ncontent-length: ${json.length}\r\n\r\n${json}`, 'latin1')
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(part: Buffer): void {
    this.#parts.push(part)
    this.#size += part.length
    if (this.#answerSize === undefined) this.#readHead()
    if (this.#answerSize === undefined || this.#size < this.#answerSize) return
    const bytes = this.#parts.length === 1 ? part : Buffer.concat(this.#parts, this.#size)
    const answering = this.#answering
    const status = bytes.toString('latin1', 9, 12)
    const body = bytes.toString('utf8', this.#bodyAt)
    this.#answering = undefined
    this.#answerSize = undefined
    this.#parts = []
    this.#size = 0
    if (status === '200') answering?.resolve(body)
    else answering?.reject(new Error(`the server answers ${status} ${body.slice(0, 300)}`))
  }

  #readHead(): void {
    const bytes = Buffer.concat(this.#parts)
    const end = bytes.indexOf(HEAD_END)
    if (end < 0) return
    const size = Number(SIZE.exec(bytes.toString('latin1', 0, end))?.[1])
    if (Number.isNaN(size)) {
      this.#fail(new Error('an answer does not say how long it is'))
      return
    }
    this.#bodyAt = end + HEAD_END.length
    this.#answerSize = this.#bodyAt + size
  }

  #fail(error: Error): void {
    this.#answering?.reject(error)
    this.#answering = undefined
  }
}

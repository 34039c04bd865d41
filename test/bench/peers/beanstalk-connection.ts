// One connection to beanstalkd, in its own text protocol (doc/protocol.txt): commands are answered in their order, so that
// any number may be under way.
//
//   put <pri> <delay> <ttr> <bytes>\r\n<data>\r\n   →  INSERTED <id>\r\n
//   reserve\r\n                                     →  RESERVED <id> <bytes>\r\n<data>\r\n    when there is one
//   delete <id>\r\n                                 →  DELETED\r\n

import { connect, type Socket } from 'node:net'

/** The job is ready again when it is not deleted for so long: longer than any run. */
const TTR_SECONDS = 3_600
const LINE_END = Buffer.from('\r\n')

type Answered = (words: string[], data: Buffer) => void

export class BeanstalkConnection {
  readonly #socket: Socket
  readonly #waiting: Answered[] = []
  readonly #onFailure: (error: Error) => void
  #bytes: Buffer = Buffer.alloc(0)

  constructor(port: number, onFailure: (error: Error) => void) {
    this.#onFailure = onFailure
    this.#socket = connect(port, '127.0.0.1').setNoDelay(true)
    this.#socket.on('data', (part) => this.#take(part))
    this.#socket.on('error', onFailure)
  }

  /** Puts jobs, all sent at once; `onInserted` is called for each when it is answered. */
  put(jobs: readonly { delaySeconds: number; data: string }[], onInserted: (index: number) => void): void {
    let text = ''
    for (let i = 0; i < jobs.length; i++) {
      const { delaySeconds, data } = jobs[i]
      text += `put 0 ${delaySeconds} ${TTR_SECONDS} ${data.length}\r\n${data}\r\n`
      this.#expect('INSERTED', () => onInserted(i))
    }
    this.#socket.write(text, 'latin1')
  }

  /** Waits for a job; deletes the one that was reserved before, when there is one. */
  reserve(done: string | undefined, onReserved: (id: string, data: Buffer) => void, onDeleted: () => void): void {
    if (done !== undefined) this.#expect('DELETED', onDeleted)
    this.#expect('RESERVED', ([, id], data) => onReserved(id, data))
    this.#socket.write(done === undefined ? 'reserve\r\n' : `delete ${done}\r\nreserve\r\n`)
  }

  close(): void {
    this.#socket.destroy()
  }

  #expect(word: string, then: Answered): void {
    this.#waiting.push((words, data) => {
      if (words[0] === word) then(words, data)
      else this.#onFailure(new Error(`beanstalkd answers ${words.join(' ')} in place of ${word}`))
    })
  }

  #take(part: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? part : Buffer.concat([this.#bytes, part])
    for (let position = 0; ; ) {
      const end = this.#bytes.indexOf(LINE_END, position)
      const words = end < 0 ? [] : this.#bytes.toString('latin1', position, end).split(' ')
      const dataSize = words[0] === 'RESERVED' ? Number(words[2]) : -LINE_END.length
      const next = end + LINE_END.length + dataSize + LINE_END.length
      if (end < 0 || next > this.#bytes.length) {
        this.#bytes = this.#bytes.subarray(position)
        return
      }
      this.#waiting.shift()?.(words, this.#bytes.subarray(end + LINE_END.length, next - LINE_END.length))
      position = next
    }
  }
}

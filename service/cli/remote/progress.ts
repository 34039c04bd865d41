// A line on a terminal that says how far something is; nothing where nobody looks. It is drawn at most a few times a second, so
// that drawing costs nothing.
//
// One line of text and no package: cli-progress brings bars in colours, and was last kept up years ago.

import { SystemClock } from '../../../storage/index.ts'

const WIDTH = 30
const EVERY_MS = 100
const CLEAR_LINE = '\r\u001b[K'

export class Progress {
  readonly #stream: NodeJS.WriteStream
  readonly #total: number | undefined
  readonly #clock = new SystemClock()
  #shownMs = Number.NEGATIVE_INFINITY
  #drawn = false

  /** Without a total only the words are shown. */
  constructor(stream: NodeJS.WriteStream, total?: number) {
    this.#stream = stream
    this.#total = total
  }

  show(done: number, words: string): void {
    const nowMs = this.#clock.monotonicMs()
    if (!this.#stream.isTTY || nowMs - this.#shownMs < EVERY_MS) return
    this.#shownMs = nowMs
    this.#drawn = true
    // A line that does not fit would be broken, and only its last piece cleared.
    const line = `${this.#bar(done)}${words}`.slice(0, Math.max(0, this.#stream.columns - 1))
    this.#stream.write(`${CLEAR_LINE}${line}`)
  }

  /** Leaves the line empty for what comes next. */
  end(): void {
    if (this.#drawn) this.#stream.write(CLEAR_LINE)
  }

  #bar(done: number): string {
    if (this.#total === undefined || this.#total === 0) return ''
    const share = Math.min(1, done / this.#total)
    const full = Math.round(share * WIDTH)
    return `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${Math.floor(share * 100)} %  `
  }
}

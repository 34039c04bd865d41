// What commands print, line by line, no faster than the reader takes it. Colours only on a terminal. A reader that goes away
// (`| head`) is no error: the rest is not printed, and not read either.

import { styleText } from 'node:util'

export type Style = Parameters<typeof styleText>[0]

export class Output {
  readonly #stream: NodeJS.WritableStream
  #closed = false

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream
    const close = () => {
      this.#closed = true
    }
    stream.on('error', close)
    stream.on('close', close)
  }

  /** Nobody reads any more. */
  get closed(): boolean {
    return this.#closed
  }

  /** Resolves when the line is out of our hands; false when nobody takes it any more. */
  line(text: string, style?: Style): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false)
    // Without `stream` styleText() looks at standard output, whatever this one is.
    const styled = style === undefined ? text : styleText(style, text, { stream: this.#stream })
    return new Promise((resolve) => {
      this.#stream.write(`${styled}\n`, (error) => resolve(error === null || error === undefined))
    })
  }

  async lines(texts: readonly string[]): Promise<void> {
    for (const text of texts) await this.line(text)
  }
}

// What the tools print, line by line, no faster than the reader takes it. Colours only on a terminal. A reader that goes away
// (`| head`) is no error: the rest is not printed, and not read either.

import { styleText } from 'node:util'

export type Style = Parameters<typeof styleText>[0]

export class Output {
  readonly #stream: NodeJS.WritableStream
  #closed = false
  #wake = () => {}

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream
    stream.on('error', () => this.#end())
    stream.on('close', () => this.#end())
  }

  /** Nobody reads any more. */
  get closed(): boolean {
    return this.#closed
  }

  async line(text: string, style?: Style): Promise<void> {
    if (this.#closed) return
    // Without `stream` styleText() looks at standard output, whatever this one is.
    const styled = style === undefined ? text : styleText(style, text, { stream: this.#stream })
    if (this.#stream.write(`${styled}\n`)) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      this.#stream.once('drain', resolve)
    })
  }

  async lines(texts: readonly string[]): Promise<void> {
    for (const text of texts) await this.line(text)
  }

  #end(): void {
    this.#closed = true
    this.#wake()
  }
}

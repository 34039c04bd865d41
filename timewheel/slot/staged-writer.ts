// Joins pieces of memory into writes as large as its stage.

import type { DiskFile } from '../../storage/index.ts'

export class StagedWriter {
  readonly #file: DiskFile
  readonly #stage: Buffer
  #staged = 0
  /** Where the next piece will lie in the file. */
  position: number

  constructor(file: DiskFile, position: number, stage: Buffer) {
    this.#file = file
    this.#stage = stage
    this.position = position
  }

  /** Takes a piece in; answers a promise, to be awaited before the next one, when something has to be written first. */
  put(bytes: Buffer, from: number, to: number): Promise<void> | undefined {
    this.position += to - from
    if (this.#staged + to - from <= this.#stage.length) return this.#copy(bytes, from, to)
    return this.#makeRoom(bytes, from, to)
  }

  /** Writes what is staged. */
  async flush(): Promise<void> {
    const staged = this.#staged
    this.#staged = 0
    if (staged > 0) await this.#file.write(this.#stage.subarray(0, staged), this.position - staged)
  }

  #copy(bytes: Buffer, from: number, to: number): undefined {
    bytes.copy(this.#stage, this.#staged, from, to)
    this.#staged += to - from
  }

  async #makeRoom(bytes: Buffer, from: number, to: number): Promise<void> {
    const size = to - from
    this.position -= size
    await this.flush()
    this.position += size
    if (size > this.#stage.length) await this.#file.write(bytes.subarray(from, to), this.position - size)
    else this.#copy(bytes, from, to)
  }
}

// The reserve: a file of zeros that keeps space back. Removing it is what lets dispatch and acknowledge go on where
// the disk is full.
//
//   reserve          whole: every byte is written and durable, so the space is really taken
//   reserve.making   being written
//
// Always true:
//   1. The name `reserve` stands only over a file that is whole.
//   2. The file is written in small durable steps, so that the journal hardly waits behind it.
//
// After a crash: a whole one is kept, one that was being written is removed, and one of another size (the setting was
// changed) too.

import { join } from 'node:path'
import { type Disk, isFull } from './disk.ts'

const STEP_BYTES = 1024 * 1024
const NAME = 'reserve'
const MAKING = 'reserve.making'

export interface ReserveOptions {
  disk: Disk
  directory: string
  sizeBytes: number
}

export class Reserve {
  readonly #disk: Disk
  readonly #directory: string
  readonly sizeBytes: number
  #heldBytes: number
  #making: Promise<void> | undefined
  #wanted = false

  private constructor({ disk, directory, sizeBytes }: ReserveOptions, heldBytes: number) {
    this.#disk = disk
    this.#directory = directory
    this.sizeBytes = sizeBytes
    this.#heldBytes = heldBytes
  }

  /** Takes over what an earlier run left. */
  static async open(options: ReserveOptions): Promise<Reserve> {
    const { disk, directory, sizeBytes } = options
    await disk.remove(join(directory, MAKING))
    const size = await disk.size(join(directory, NAME))
    if (size === sizeBytes && size > 0) return new Reserve(options, size)
    if (size !== undefined) await disk.remove(join(directory, NAME))
    return new Reserve(options, 0)
  }

  /** How much of its size is missing; 0 when it is there, whole. */
  get missingBytes(): number {
    return this.sizeBytes - this.#heldBytes
  }

  /** Writes the file. When that fails, or is given up meanwhile, nothing of it is left. */
  make(): Promise<void> {
    this.#wanted = true
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined
    })
    return this.#making
  }

  /** Removes it; resolves when its space is free. */
  async giveUp(): Promise<void> {
    await this.stop()
    if (this.#heldBytes === 0) return
    this.#heldBytes = 0
    await this.#disk.remove(join(this.#directory, NAME))
  }

  /** Stops making it, if it is being made. */
  async stop(): Promise<void> {
    this.#wanted = false
    await this.#making?.catch(() => {})
  }

  async #make(): Promise<void> {
    const making = join(this.#directory, MAKING)
    try {
      await this.#fill(making)
      if (this.missingBytes === 0) return await this.#disk.rename(making, join(this.#directory, NAME))
    } catch (error) {
      await this.#forget(making)
      throw error
    }
    await this.#forget(making)
  }

  async #fill(path: string): Promise<void> {
    const zeros = Buffer.alloc(Math.min(STEP_BYTES, this.sizeBytes))
    const file = await this.#disk.open(path, 'write-through')
    try {
      while (this.#wanted && this.missingBytes > 0) {
        const step = zeros.subarray(0, Math.min(zeros.length, this.missingBytes))
        await file.write(step, this.#heldBytes)
        this.#heldBytes += step.length
      }
    } finally {
      await file.close()
    }
  }

  async #forget(making: string): Promise<void> {
    this.#heldBytes = 0
    await this.#disk.remove(making)
  }
}

/**
 * Runs `task`; when it finds no space, removes the reserve that an earlier run left in `directory` and runs it again. For
 * what comes before the reserve can be taken over. Nobody else may be using the directory when `task` finds no space.
 */
export async function fallingBackOnReserve<T>(disk: Disk, directory: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (error) {
    if (!isFull(error)) throw error
    await disk.remove(join(directory, NAME))
    return task()
  }
}

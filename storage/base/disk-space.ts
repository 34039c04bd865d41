// What is left on the disk, watched, so that a full disk is a state and not an accident: below a watermark publishing is
// refused, and when even what goes on inside (dispatch, acknowledge, checkpoints) comes close to the end, the reserve is
// given up for it.
//
// Always true:
//   1. Publishing is refused while less than the watermark is spare: what is free, without what the reserve lacks of its
//      size. So a reserve that was given up comes before whoever publishes.
//   2. The reserve is given up when less than a quarter of its size is free, or a write found no space, and made again
//      when it leaves more than twice that. Nothing is done by halves: between two looks either limit may be overrun, and
//      the write that finds no space then asks for the reserve itself (reserve-disk.ts).
//   3. Publishing is back when an eighth more than the watermark is spare, so that it does not come and go; and after a
//      write found no space (under a quota, there may seem to be plenty) not before the reserve could be made again.
//
// After a crash: the first look decides anew.

import type { Clock, Timer } from './clock.ts'
import type { Disk, FreeSpace } from './disk.ts'
import { DwellError } from './errors.ts'
import type { Log } from './log.ts'
import { Reserve } from './reserve.ts'

const LOOK_MS = 250
/** After a write found no space, or the reserve could not be made, making it is tried so much later. */
const MAKE_AGAIN_MS = 5_000
const GIVE_UP_SHARE = 1 / 4
const BACK_SHARE = 1 + 1 / 8

/** The watermark and the size of the reserve. */
export interface SpaceLimits {
  /** Publishing is refused below so many spare bytes; 0 refuses never, and makes no reserve. */
  lowBytes: number
  /** Publishing is refused when fewer files may be created. */
  lowFiles: number
  reserveBytes: number
}

export interface DiskSpaceOptions extends SpaceLimits {
  disk: Disk
  clock: Clock
  log: Log
  directory: string
  /** A file that is always there; without it the directory was taken away, and what is written is nowhere. */
  landmark: string
  /** Called once when the directory cannot be reached any more: the process must end. */
  onFailure: (error: DwellError) => void
}

export interface SpaceState {
  /** Publishing is refused. */
  low: boolean
  /** How much of the reserve is not there. */
  missingBytes: number
  /** A write has found no space since the reserve was last whole. */
  full: boolean
}

export interface SpaceDecision {
  low: boolean
  reserve: 'keep' | 'give up' | 'make'
}

/** What follows from a look; test/storage/disk-space.test.ts has it as a table. */
export function decide({ low, missingBytes, full }: SpaceState, free: FreeSpace, limits: SpaceLimits): SpaceDecision {
  const { lowBytes, lowFiles, reserveBytes } = limits
  if (lowBytes === 0) return { low: false, reserve: missingBytes < reserveBytes ? 'give up' : 'keep' }
  const spare = free.bytes - missingBytes
  const factor = low ? BACK_SHARE : 1
  const isLow = full || spare < lowBytes * factor || free.files < lowFiles * factor
  const end = reserveBytes * GIVE_UP_SHARE
  if (missingBytes < reserveBytes && free.bytes < end) return { low: isLow, reserve: 'give up' }
  return { low: isLow, reserve: missingBytes > 0 && spare >= 2 * end ? 'make' : 'keep' }
}

export class DiskSpace {
  readonly #options: DiskSpaceOptions
  readonly #reserve: Reserve
  #free: FreeSpace
  #low = false
  #full = false
  #timer: Timer | undefined
  #looking: Promise<void> | undefined
  #makeFromMs = 0
  #stopped = false
  #refused = 0
  #givenUp = 0

  private constructor(options: DiskSpaceOptions, reserve: Reserve, free: FreeSpace) {
    this.#options = options
    this.#reserve = reserve
    this.#free = free
  }

  /** Looks for the first time; start() then keeps looking. */
  static async open(options: DiskSpaceOptions): Promise<DiskSpace> {
    const { disk, directory, reserveBytes: sizeBytes } = options
    const reserve = await Reserve.open({ disk, directory, sizeBytes })
    const space = new DiskSpace(options, reserve, await disk.free(directory))
    await space.#settle()
    return space
  }

  /** Looks four times a second from now on, and makes the reserve when there is room for it. */
  start(): void {
    this.#timer = this.#options.clock.setTimer(() => {
      void this.look().then(() => {
        if (!this.#stopped) this.start()
      })
    }, LOOK_MS)
  }

  /** Throws while there is not enough room to publish. @throws DISK_LOW */
  admit(): void {
    if (!this.#low) return
    this.#refused++
    throw this.refusal()
  }

  /** Why publishing is refused. */
  refusal(): DwellError {
    const { bytes, files } = this.#free
    const { lowBytes, lowFiles } = this.#options
    if (files < lowFiles) {
      const sentence = `The disk is nearly full: ${files} more files fit on it, publishing needs ${lowFiles}.`
      return new DwellError('DISK_LOW', sentence, { freeBytes: bytes, freeFiles: files, limit: lowFiles })
    }
    const { missingBytes } = this.#reserve
    const beside = missingBytes === 0 ? '' : ` and, before that, ${missingBytes} for the reserve`
    const sentence = `The disk is nearly full: ${bytes} bytes are free, publishing needs ${lowBytes}${beside}.`
    return new DwellError('DISK_LOW', sentence, { freeBytes: bytes, limit: lowBytes })
  }

  /** Whether publishing is refused. */
  get low(): boolean {
    return this.#low
  }

  /** A write has found no space: gives the reserve up. Resolves when its space is free. */
  async foundFull(): Promise<void> {
    this.#makeFromMs = this.#options.clock.monotonicMs() + MAKE_AGAIN_MS
    await this.#giveUp()
    this.#full = true
    await this.look()
  }

  /** Looks now. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#looking
    await this.#reserve.stop()
  }

  /** Figures for metrics. */
  stats(): {
    freeBytes: number
    freeFiles: number
    low: boolean
    reserveBytes: number
    refused: number
    givenUp: number
  } {
    const { bytes: freeBytes, files: freeFiles } = this.#free
    const reserveBytes = this.#reserve.sizeBytes - this.#reserve.missingBytes
    return { freeBytes, freeFiles, low: this.#low, reserveBytes, refused: this.#refused, givenUp: this.#givenUp }
  }

  async #look(): Promise<void> {
    const { disk, directory, landmark, onFailure } = this.#options
    try {
      this.#free = await disk.free(directory)
      if ((await disk.size(landmark)) === undefined) throw new Error(`${landmark} is not there any more`)
      await this.#settle()
    } catch (error) {
      if (this.#stopped) return
      this.#stopped = true
      const sentence = `The data directory ${directory} is out of reach: ${(error as Error).message}.`
      onFailure(new DwellError('DATA_DIRECTORY_LOST', sentence, { path: directory }, error))
    }
  }

  async #settle(): Promise<void> {
    const { missingBytes } = this.#reserve
    if (missingBytes === 0) this.#full = false
    const now = { low: this.#low, missingBytes, full: this.#full }
    const { low, reserve } = decide(now, this.#free, this.#options)
    this.#say(low)
    this.#low = low
    if (reserve === 'give up') await this.#giveUp()
    if (reserve === 'make') this.#make()
  }

  #say(low: boolean): void {
    const { log, lowBytes: limit } = this.#options
    const { bytes: freeBytes, files: freeFiles } = this.#free
    if (low && !this.#low) {
      log.warn({ freeBytes, freeFiles, limit }, `${this.refusal().message} It is refused, all else goes on.`)
    } else if (!low && this.#low) {
      log.info({ freeBytes, freeFiles, limit }, 'There is room on the disk again: publishing goes on.')
    }
  }

  async #giveUp(): Promise<void> {
    const { sizeBytes, missingBytes } = this.#reserve
    if (missingBytes === 0 && sizeBytes > 0) {
      this.#givenUp++
      this.#options.log.warn({ freeBytes: this.#free.bytes, sizeBytes }, 'The disk is full: the reserve is given up.')
    }
    await this.#reserve.giveUp()
  }

  /** Makes the reserve beside everything else; the next look sees that it is there. */
  #make(): void {
    const { clock, log } = this.#options
    if (clock.monotonicMs() < this.#makeFromMs || this.#stopped) return
    this.#makeFromMs = clock.monotonicMs() + MAKE_AGAIN_MS
    const { sizeBytes } = this.#reserve
    this.#reserve.make().then(
      () => {
        if (this.#reserve.missingBytes > 0) return
        this.#makeFromMs = 0
        log.info({ sizeBytes }, 'The reserve of the disk is set aside.')
      },
      (error) => log.warn({ sizeBytes, error: error.message }, 'The reserve of the disk cannot be set aside.'),
    )
  }
}

// What these tests do to the machine: file systems of their own, libfiu, and clocks by libfaketime. For whatever cannot be had here there is a
// `without…` that says why, with which the test is skipped.

import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A small file system of its own, and how it is let go of. */
export interface Mount {
  path: string
  unmount(): void
  /** Unmounts and mounts it again, as after a restart of the machine. */
  again(): void
}

/** Why no file system can be mounted here; undefined when one can. */
export function withoutMounts(): string | undefined {
  return reasonOf(() => mountTmpfs('size=1m').unmount())
}

/** Why no ext4 can be made and mounted here; undefined when one can. */
export function withoutExt4(): string | undefined {
  return reasonOf(() => mountExt4(1).unmount())
}

/** Mounts a tmpfs with `options` (`size=64m`). */
export function mountTmpfs(options: string): Mount {
  return mount(['-t', 'tmpfs', '-o', options, 'tmpfs'], () => {})
}

/** Mounts an ext4 of `sizeMib` out of a file, which unlike tmpfs can turn read-only below open files. */
export function mountExt4(sizeMib: number): Mount {
  const folder = mkdtempSync(join(tmpdir(), 'dwell-image-'))
  const image = join(folder, 'ext4')
  const drop = () => rmSync(folder, { recursive: true, force: true })
  try {
    execFileSync('truncate', ['-s', `${sizeMib}M`, image], { stdio: 'pipe' })
    execFileSync('mkfs.ext4', ['-q', '-F', image], { stdio: 'pipe' })
  } catch (error) {
    drop()
    throw error
  }
  return mount(['-o', 'loop', image], drop)
}

function mount(what: string[], after: () => void): Mount {
  const path = mkdtempSync(join(tmpdir(), 'dwell-mount-'))
  const drop = () => {
    rmSync(path, { recursive: true, force: true })
    after()
  }
  const attach = () => void execFileSync('mount', [...what, path], { stdio: 'pipe' })
  // Lazily: a process that was just killed may still hold it for a moment.
  const detach = () => void execFileSync('umount', ['-l', path], { stdio: 'pipe' })
  try {
    attach()
  } catch (error) {
    drop()
    throw error
  }
  return {
    path,
    unmount() {
      detach()
      drop()
    },
    again() {
      detach()
      attach()
    },
  }
}

function reasonOf(attempt: () => void): string | undefined {
  try {
    attempt()
    return undefined
  } catch (error) {
    return `it cannot be done here: ${(error as Error).message.trim().split('\n').at(-1)}`
  }
}

const FIU_LIBRARIES = ['/usr/lib/fiu/fiu_run_preload.so', '/usr/lib/fiu/fiu_posix_preload.so']

/** Why libfiu cannot be used here; undefined when it can. */
export function withoutFiu(): string | undefined {
  const missing = FIU_LIBRARIES.find((path) => !existsSync(path))
  return missing === undefined ? undefined : `${missing} is missing (Debian: fiu-utils)`
}

/** The environment under which a process takes orders of failOn(). `folder` is for its pipes. */
export function fiuEnvironment(folder: string): Record<string, string> {
  return { LD_PRELOAD: FIU_LIBRARIES.join(' '), FIU_CTRL_FIFO: join(folder, 'fiu'), FIU_ENABLE: '' }
}

/** From now on every call `point` (`posix/io/rw/pwrite`) of the process fails with this number. */
export async function failOn(folder: string, pid: number, point: string, errno: number): Promise<void> {
  await run('fiu-ctrl', ['-f', join(folder, 'fiu'), '-c', `enable name=${point},failinfo=${errno}`, String(pid)])
}

/** The calls `point` work again. */
export async function workAgain(folder: string, pid: number, point: string): Promise<void> {
  await run('fiu-ctrl', ['-f', join(folder, 'fiu'), '-c', `disable name=${point}`, String(pid)])
}

const FAKETIME_LIBRARIES = ['x86_64', 'aarch64'].map((cpu) => `/usr/lib/${cpu}-linux-gnu/faketime/libfaketimeMT.so.1`)

/** Why no wall clock can be stepped here; undefined when one can. */
export function withoutFaketime(): string | undefined {
  if (FAKETIME_LIBRARIES.some((path) => existsSync(path))) return undefined
  return 'libfaketimeMT.so.1 is missing (Debian: libfaketime)'
}

/** The wall clock of a process, which a test steps while its monotonic clock goes on. */
export class FakedWallClock {
  readonly #path: string
  #aheadMs = 0

  /** `folder` is for its file. */
  constructor(folder: string) {
    this.#path = join(folder, 'faketime')
    this.setAhead(0)
  }

  /** The environment of the process. */
  get environment(): Record<string, string> {
    return {
      LD_PRELOAD: FAKETIME_LIBRARIES.find((path) => existsSync(path)) ?? '',
      FAKETIME_TIMESTAMP_FILE: this.#path,
      FAKETIME_NO_CACHE: '1',
      // With a faked monotonic clock Node hangs.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
  }

  /**
   * The environment of a process that sees a clock which is ahead by `ms` from its start on: nobody can step it then, but it
   * costs no read of a file at each look, which makes a busy process slow.
   */
  static ahead(ms: number): Record<string, string> {
    return {
      LD_PRELOAD: FAKETIME_LIBRARIES.find((path) => existsSync(path)) ?? '',
      FAKETIME: `+${ms / 1000}`,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
  }

  /** What the process sees: ahead of the true time, or behind it, by so much. */
  setAhead(ms: number): void {
    this.#aheadMs = ms
    // Renamed: the process reads it at any time.
    writeFileSync(`${this.#path}.new`, `${ms < 0 ? '-' : '+'}${Math.abs(ms) / 1000}\n`)
    renameSync(`${this.#path}.new`, this.#path)
  }

  /** What the process sees from now on, going on from there. */
  setTo(timeMs: number): void {
    this.setAhead(timeMs - Date.now())
  }

  /** What the process sees now. */
  nowMs(): number {
    return Date.now() + this.#aheadMs
  }
}

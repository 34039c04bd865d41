// The keys of JSON Web Tokens out of a file, which is read again when it changes.

import type { JWTVerifyGetKey } from 'jose'
import { type KeySet, readKeys } from './key-set.ts'
import { WatchedFiles, type WatchedFilesOptions } from './watched-files.ts'

export class FileKeySet implements KeySet {
  readonly #files: WatchedFiles
  readonly #current: () => JWTVerifyGetKey | undefined

  private constructor(files: WatchedFiles, current: () => JWTVerifyGetKey | undefined) {
    this.#files = files
    this.#current = current
  }

  /** @throws FILE_UNREADABLE, INVALID_KEYS */
  static async open({
    path,
    ...options
  }: Omit<WatchedFilesOptions, 'what' | 'paths' | 'use'> & { path: string }): Promise<FileKeySet> {
    let keys: JWTVerifyGetKey | undefined
    const files = await WatchedFiles.open({
      ...options,
      what: 'keys of JSON Web Tokens',
      paths: [path],
      use: ([bytes]) => {
        keys = readKeys(bytes.toString())
      },
    })
    return new FileKeySet(files, () => keys)
  }

  get keys(): JWTVerifyGetKey | undefined {
    return this.#current()
  }

  /** It is looked at all the time. */
  async renew(): Promise<void> {}

  async close(): Promise<void> {
    await this.#files.close()
  }
}

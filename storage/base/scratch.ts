// A folder of our own outside of any data directory, gone when it is removed, with links into one: so that LevelDB, which
// writes into every folder that it opens, can be let loose on files that must stay as they are. Nothing that counts is kept
// here, so this does not go through the Disk.

import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export class Scratch {
  readonly directory: string

  private constructor(directory: string) {
    this.directory = directory
  }

  static async make(): Promise<Scratch> {
    return new Scratch(await mkdtemp(join(tmpdir(), 'dwell-')))
  }

  /** A folder in here with a link to each file of `target` whose name `chosen` approves of; answers its path. */
  async linkFolder(name: string, target: string, chosen: (file: string) => boolean): Promise<string> {
    const folder = join(this.directory, name)
    await mkdir(folder)
    for (const file of await readdir(target)) {
      if (chosen(file)) await symlink(resolve(target, file), join(folder, file))
    }
    return folder
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
  }
}

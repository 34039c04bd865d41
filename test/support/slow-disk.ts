// The machine's disk, on which a write of the journal lasts until the test lets it go.

import { type Disk, type DiskFile, type OpenMode, SystemDisk } from '../../storage/index.ts'

export function slowDisk() {
  const under = new SystemDisk()
  let gate: PromiseWithResolvers<void> | undefined
  const slow = {
    hold() {
      gate = Promise.withResolvers()
    },
    letGo() {
      gate?.resolve()
      gate = undefined
    },
  }
  const open = async (path: string, mode: OpenMode): Promise<DiskFile> => {
    const file = await under.open(path, mode)
    if (mode !== 'write-through' || !path.endsWith('.journal')) return file
    return {
      read: (into, position) => file.read(into, position),
      async write(bytes, position) {
        await gate?.promise
        await file.write(bytes, position)
      },
      sync: () => file.sync(),
      truncate: (size) => file.truncate(size),
      size: () => file.size(),
      close: () => file.close(),
    }
  }
  const disk: Disk = {
    open,
    list: (directory) => under.list(directory),
    size: (path) => under.size(path),
    makeDirectory: (path) => under.makeDirectory(path),
    rename: (from, to) => under.rename(from, to),
    remove: (path) => under.remove(path),
    removeTree: (directory) => under.removeTree(directory),
    syncDirectory: (directory) => under.syncDirectory(directory),
    free: (path) => under.free(path),
  }
  return { disk, slow }
}

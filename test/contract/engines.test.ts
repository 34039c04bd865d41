// Both engines keep the contract of the log.

import t from 'tap'
import { EmbeddedEngine, SILENT, SystemClock, SystemDisk } from '../../storage/index.ts'
import { MemoryEngine } from '../support/memory-engine.ts'
import { engineContract } from './engine.ts'

t.test('engine in memory', async (t) => {
  engineContract(t, async () => ({ engine: new MemoryEngine() }))
})

t.test('embedded engine', async (t) => {
  engineContract(t, async (t) => {
    const directory = t.testdir()
    const open = () =>
      EmbeddedEngine.open({
        disk: new SystemDisk(),
        clock: new SystemClock(),
        directory,
        log: SILENT,
        journalFileBytes: 1024 * 1024,
        segmentBytes: 64 * 1024,
        onFailure: (error) => t.fail(error),
      })
    return { engine: await open(), reopen: open }
  })
})

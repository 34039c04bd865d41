// The named points of LevelDB, which does not go through the disk seam: before and after each batch that it makes durable
// and each range that it clears. LevelDB has no seam of its own, so its class is wrapped, in this process, once.

import { basename } from 'node:path'
import { ClassicLevel } from 'classic-level'
import type { OnPoint } from '../support/points-disk.ts'

/** From now on every LevelDB of this process tells its points, as `before write overflow-rows`. */
export function noteLevelPoints(onPoint: OnPoint): void {
  const { prototype } = ClassicLevel
  const { batch, clear } = prototype
  const around = async (level: ClassicLevel, operation: string, run: () => Promise<void>) => {
    const point = `${operation} ${basename(level.location)}-rows`
    onPoint(`before ${point}`)
    await run()
    onPoint(`after ${point}`)
  }
  Object.assign(prototype, {
    batch(this: ClassicLevel) {
      const chained = batch.call(this) as unknown as { write: (options: object) => Promise<void> }
      const write = chained.write.bind(chained)
      chained.write = (options) => around(this, 'write', () => write(options))
      return chained
    },
    clear(this: ClassicLevel, options: object) {
      return around(this, 'clear', () => (clear as (options: object) => Promise<void>).call(this, options))
    },
  })
}

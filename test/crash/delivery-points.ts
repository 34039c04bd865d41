// The named points of delivery: before and after each append of a group or of dead letters, named by what it says. Its log is
// that of all others, so the points of the disk cannot tell.
//
//   acquire, accept, renew, park    what a delta of __groups says; `park`: a record is passed over, because its key is busy
//   release, death                  with copies in a lane, or among the dead letters; `hold` when its key stays busy
//   snapshot, forget                of a group
//   redrive, redrive-task, purge    a piece that is moved, the beginning and the end of a redrive, a piece that is removed

import { playDelta } from '../../service/delivery/group/group-log.ts'
import { type Append, decodeRecordBody, EmbeddedEngine, type LogRecord } from '../../storage/index.ts'
import type { OnPoint } from '../support/points-disk.ts'

/** From now on every engine of this process tells its points, as `before append acquire`. */
export function noteDeliveryPoints(onPoint: OnPoint): void {
  const { prototype } = EmbeddedEngine
  const { append } = prototype
  Object.assign(prototype, {
    append(this: EmbeddedEngine, appends: readonly Append[]): Promise<number[]> {
      const names = namesOf(appends)
      for (const name of names) onPoint(`before append ${name}`)
      const appended = append.call(this, appends)
      if (names.length === 0) return appended
      return appended.then((offsets) => {
        for (const name of names) onPoint(`after append ${name}`)
        return offsets
      })
    },
  })
}

function namesOf(appends: readonly Append[]): string[] {
  const groups = appends.find(({ topic }) => topic === '__groups')
  const dead = appends.find(({ topic }) => topic === '__dead')
  if (dead !== undefined) {
    const isMove = appends.some(({ topic }) => topic.endsWith('.retry.redrive'))
    return [isMove ? 'redrive' : keysOf(dead).some((key) => key.startsWith('redrive/')) ? 'redrive-task' : 'purge']
  }
  if (groups === undefined) return []
  const names = new Set<string>()
  for (const { body } of recordsOf(groups)) {
    const { value } = decodeRecordBody(body as Buffer)
    if (value === null) names.add('forget')
    else if (!playDelta(value, visitorOf(names))) names.add('snapshot')
  }
  const copies = appends.filter((one) => one !== groups)
  if (copies.length > 0) {
    names.delete('accept')
    names.add(copies.some(({ topic }) => topic.endsWith('.dlq')) ? 'death' : 'release')
  }
  return [...names]
}

function visitorOf(names: Set<string>) {
  return {
    acquired: () => void names.add('acquire'),
    finished: () => void names.add('accept'),
    renewed: () => void names.add('renew'),
    parked: () => void names.add('park'),
    held: () => void names.add('hold'),
    freed: () => void names.add('acquire'),
    sent: () => undefined,
  }
}

function keysOf(append: Append): string[] {
  return recordsOf(append).map(({ body }) => String(decodeRecordBody(body as Buffer).key))
}

function recordsOf({ records }: Append): readonly LogRecord[] {
  return typeof records === 'function' ? [] : records
}

// The places of parked records: as a plain list has them, and as quick when there are a million. test/faults/README.md row I2.

import fc from 'fast-check'
import t from 'tap'
import { ParkedPlaces } from '../../../../service/delivery/keys/parked-places.ts'

type Step = { add: number; gap: number } | { remove: number } | { clear: true }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 5 }), gap: fc.nat(3) }) },
  { weight: 8, arbitrary: fc.record({ remove: fc.nat(1_000) }) },
  { weight: 1, arbitrary: fc.record({ clear: fc.constant(true as const) }) },
)

t.test('it answers as a plain list does, whatever came and went', async () => {
  const steps = fc.array(step, { minLength: 1, maxLength: 400, size: 'max' })
  fc.assert(
    fc.property(steps, (steps) => {
      const places = new ParkedPlaces()
      let plain: { offset: number; hash: number }[] = []
      let next = 0
      for (const step of steps) {
        if ('add' in step) {
          next += 1 + step.gap
          places.add(next, step.add)
          plain.push({ offset: next, hash: step.add })
        } else if ('remove' in step) {
          const hash = (step.remove % 5) + 1
          const first = plain.find((place) => place.hash === hash)
          const removed = first === undefined ? 0 : places.remove(first.offset)
          if (removed !== (first?.hash ?? 0)) return false
          plain = plain.filter((place) => place !== first)
        } else {
          places.clear()
          plain = []
        }
        if (places.count !== plain.length || places.firstOffset !== plain[0]?.offset) return false
      }
      const keys = new Set(plain.map(({ hash }) => hash))
      const isEqual = JSON.stringify([...places]) === JSON.stringify(plain)
      return (
        isEqual &&
        [0, 1, 2, 3, 4, 5].every((hash) => {
          const ofKey = plain.filter((place) => place.hash === hash)
          const isThere = places.hasKey(hash) === keys.has(hash) && places.countOf(hash) === ofKey.length
          const aheads = ofKey.every(
            ({ offset }, i) => places.aheadOf(offset) === i && places.has(offset) && places.isNear(offset, 3) === i < 3,
          )
          return isThere && aheads && places.firstOf(hash) === ofKey[0]?.offset
        }) &&
        !places.has(next + 1)
      )
    }),
    { numRuns: 200 },
  )
})

t.test('a million of one key come and go, each as quickly as the first', async (t) => {
  const places = new ParkedPlaces()
  const count = 1_000_000
  for (let offset = 0; offset < count; offset++) places.add(offset, 7)
  for (let offset = 0; offset < count; offset++) {
    if (places.firstOf(7) !== offset) throw new Error(`${places.firstOf(7)} is the first, not ${offset}`)
    places.remove(offset)
  }
  t.equal(places.count, 0)
})

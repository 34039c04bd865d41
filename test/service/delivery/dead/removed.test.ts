import fc from 'fast-check'
import t from 'tap'
import { PAGE_RECORDS, PAGE_SIZE, Removed } from '../../../../service/delivery/dead/removed.ts'

t.test('the first that is not removed is found as by looking at each', async () => {
  const around = fc.integer({ min: 0, max: 4 * PAGE_RECORDS })
  const near = fc.tuple(fc.nat(4), fc.integer({ min: -2, max: 2 })).map(([page, by]) => page * PAGE_RECORDS + by)
  const place = fc.oneof(around, near).map((offset) => Math.max(0, offset))
  const property = fc.property(fc.array(place, { maxLength: 3 }), place, place, (kept, from, end) => {
    const removed = new Removed()
    const all = Array.from({ length: 4 * PAGE_RECORDS }, (_, offset) => offset).filter((at) => !kept.includes(at))
    for (const [page, bits] of removed.with(all)) removed.set(page, bits)
    let expected = from
    while (expected < end && removed.has(expected)) expected++
    return removed.firstKept(from, end) === (from >= end ? Math.min(from, end) : expected)
  })
  fc.assert(property, { numRuns: 30 })
})

t.test('behind ten million removed ones it looks at none of full pages', async (t) => {
  const removed = new Removed()
  const pages = Math.ceil(10_000_000 / PAGE_RECORDS)
  for (let page = 0; page < pages; page++) removed.set(page, new Uint8Array(PAGE_SIZE).fill(0xff))
  let looked = 0
  const { has } = removed
  removed.has = (offset) => {
    looked++
    return has.call(removed, offset)
  }
  t.equal(removed.firstKept(0, 20_000_000), pages * PAGE_RECORDS)
  t.ok(looked <= pages + 1, `${looked} were looked at`)
})

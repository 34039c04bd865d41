// The document that is served is the frozen one, so that no change of the interface goes unseen: it stands in the commit.

import t from 'tap'
import { FROZEN, readDocument, servedDocument } from './document.ts'

const RENEW = 'the interface changed: if it is meant to, renew what is frozen with node test/openapi/renew.ts'
const SHOWN_MAX = 20

/** Where two documents differ, as JSON pointers. */
function differences(frozen: unknown, served: unknown, at = ''): string[] {
  if (typeof frozen !== 'object' || typeof served !== 'object' || frozen === null || served === null) {
    return frozen === served ? [] : [`${at}: ${JSON.stringify(frozen)} was frozen, ${JSON.stringify(served)} is served`]
  }
  const [before, after] = [frozen, served] as Record<string, unknown>[]
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) => {
    const here = `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (!(name in after)) return [`${here} is gone`]
    if (!(name in before)) return [`${here} is new`]
    return differences(before[name], after[name], here)
  })
}

t.test('what is served is what is frozen', async (t) => {
  const found = differences(readDocument(FROZEN), await servedDocument())
  for (const difference of found.slice(0, SHOWN_MAX)) t.comment(difference)
  t.equal(found.length, 0, found.length === 0 ? 'nothing differs' : RENEW)
})

t.test('differences are found, and said where they are', async (t) => {
  const frozen = { paths: { '/v1/topics': { get: { summary: 'List', tags: ['a'] } } } }
  t.strictSame(differences(frozen, structuredClone(frozen)), [])
  const served = { paths: { '/v1/topics': { get: { summary: 'All', tags: ['a', 'b'] } } }, info: {} }
  t.strictSame(differences(frozen, served), [
    '/paths/~1v1~1topics/get/summary: "List" was frozen, "All" is served',
    '/paths/~1v1~1topics/get/tags/1 is new',
    '/info is new',
  ])
  t.strictSame(differences({ a: 1 }, {}), ['/a is gone'])
})

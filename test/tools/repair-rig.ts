// One row of the table of damages for `dwell repair`: it does nothing until it is told to; then the real service starts, everything
// that was readable is there at its offset, and verify finds nothing wrong.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import type { Test } from 'tap'
import { Output } from '../../service/cli/output.ts'
import { printRepair } from '../../service/cli/repair.ts'
import { type Disk, DwellError, SystemClock, SystemDisk, SystemRandom } from '../../storage/index.ts'
import { startService } from '../service/running-service.ts'
import { copyOf, type Directories, findingsIn, recordsIn, SMALL } from './data-directory.ts'
import type { Harm } from './harm.ts'

/** Runs `dwell repair`; answers whether anything is left to be done, and what it printed. */
export async function repair(
  directory: string,
  yes: boolean,
  disk: Disk = new SystemDisk(),
): Promise<{ open: boolean; text: string }> {
  let text = ''
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk
      done()
    },
  })
  const parts = { disk, clock: new SystemClock(), random: new SystemRandom() }
  const open = await printRepair(parts, directory, { yes, json: false }, new Output(stream))
  return { open, text }
}

/** Starts the service on it, publishes, and stops; answers the code with which the start was refused. */
async function start(t: Test, directory: string): Promise<string | undefined> {
  try {
    const service = await startService(t, SMALL, { directory })
    for (const message of [
      { value: 'after' },
      { value: 'after, later', delay: '10m' },
      { value: 'own', id: 'after' },
    ]) {
      const { status, text } = await service.publish('orders', { messages: [message] })
      t.ok(status < 300, text)
    }
    const { json } = await service.call('POST', '/v1/topics/orders/groups/billing/acquire', { max: 5 })
    t.ok(json.records.length > 0, 'the group goes on')
    await service.stop()
    return undefined
  } catch (error) {
    if (!(error instanceof DwellError)) throw error
    return error.code
  }
}

/** Does the harm to a copy, and repairs it. */
export async function tryRepair(t: Test, { clean, killed }: Directories, harm: Harm): Promise<void> {
  const { to, clean: ofClean, refused, unrepaired, lost } = harm
  const copy = copyOf(t, ofClean ? clean : killed)
  to(copy)
  if (refused !== undefined) {
    const harmed = copyOf(t, ofClean ? clean : killed)
    to(harmed)
    t.equal(await start(t, harmed), refused, 'the start is refused')
  }
  const before = await recordsIn(ofClean ? clean : killed)
  const readable = await recordsIn(copy)

  const shown = await repair(copy, false)
  t.equal(shown.open, !unrepaired, shown.text)
  t.notOk(existsSync(join(copy, 'aside')), 'nothing is done without --yes')
  const done = await repair(copy, true)
  t.notOk(done.open, done.text)
  if (!unrepaired) {
    const [time] = readdirSync(join(copy, 'aside'))
    t.ok(readFileSync(join(copy, 'aside', time, 'why.txt'), 'utf8').length > 0)
    t.match(await repair(copy, true), { open: false, text: /nothing to repair/ }, 'twice is as once')
    t.same((await findingsIn(copy)).wrong, [])
  }
  const after = await recordsIn(copy)
  for (const [place, body] of readable) {
    if (place.startsWith('__topics')) continue
    if (after.get(place) !== body) t.fail(`${place} was readable and is not there`)
  }
  const missing = [...before].filter(([place, body]) => !place.startsWith('__topics') && after.get(place) !== body)
  t.ok(missing.length <= lost, `${missing.length} records are lost: ${missing.slice(0, 8).map(([place]) => place)}`)

  t.equal(await start(t, copy), undefined, 'the service starts')
  t.same((await findingsIn(copy)).wrong, [], 'and leaves nothing wrong')
}

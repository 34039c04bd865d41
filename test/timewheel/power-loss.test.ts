// The machine loses its power while much is pending: the start goes on from the synced checkpoint and reads of `__delay` what
// came since, however much waits. sweep-power-cut.test.ts cuts the power everywhere.

import t, { type Test } from 'tap'
import { Said } from '../storage/log-on-simulated-disk.ts'
import { DATA } from '../storage/simulated-disk.ts'
import { settle } from '../support/manual-clock.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { DelayedHistory } from './delayed-history.ts'
import { Machine } from './wheel-on-simulated-disk.ts'

// Minutes of a loaded machine; seconds of a quiet one.
t.setTimeout(300_000)

const SYNCED = `${DATA}/wheel/checkpoint.synced`
const TARGETS = ['__due']
/** In one append. */
const TOGETHER = 40

interface Pending {
  machine: Machine
  history: DelayedHistory
  said: Said
  publish: (count: number) => Promise<void>
}

interface Settings {
  /** How far the wheel reaches; messages are due 30 to 210 s ahead. */
  slots?: number
  settledMs?: number
}

/** A machine with `count` messages pending, as a rule half of them beyond the reach, and a synced checkpoint. */
async function pending(count: number, { slots = 120, settledMs = 300 }: Settings = {}): Promise<Pending> {
  const said = new Said()
  const machine = Machine.empty({ log: said, slots, settledMs })
  const history = new DelayedHistory()
  const random = new SeededRandom(5)
  await machine.start()
  await machine.engine.createTopic('__due', { partitions: 2, cleanup: 'delete' })
  const publish = async (more: number) => {
    for (let left = more; left > 0; left -= TOGETHER) {
      const fromMs = machine.clock.wallMs() + 30_000
      const dueAtMs = Array.from({ length: Math.min(left, TOGETHER) }, () => fromMs + random.between(0, 180_000))
      await history.publish(machine.engine, machine.wheel, '__due', dueAtMs, 200)
      await machine.pass(20)
    }
  }
  await publish(count)
  await checkpointAndSync(machine)
  return { machine, history, said, publish }
}

/** Why the last start did what it did. */
function becauseOf(said: Said): unknown {
  return said.lines.findLast(({ sentence }) => sentence === 'The wheel is open.')?.fields.because
}

/** Writes a checkpoint, and lets time pass until its slots are synced. */
async function checkpointAndSync(machine: Machine): Promise<void> {
  const inPlace = () => (machine.disk.paths().includes(SYNCED) ? machine.disk.contents(SYNCED).toString('latin1') : '')
  const before = inPlace()
  await machine.outcome(machine.wheel.checkpoint())
  await machine.engine.checkpoint()
  await machine.until(() => inPlace() !== before)
}

for (const count of [300, 1_200]) {
  t.test(
    `power cut with ${count} pending: only what came since is read, nothing is lost, double or early`,
    async (t) => {
      const { machine, history, said, publish } = await pending(count)
      const wholeBytes = await bytesOfDelay(machine)
      await publish(TOGETHER)
      await machine.outcome(history.cancel(machine.wheel, 3))
      await machine.outcome(history.move(machine.wheel, 4, machine.clock.wallMs() + 45_000, machine.clock.wallMs()))
      const waiting = machine.wheel.stats().pending

      const next = machine.powerless(new SeededRandom(count))
      await next.start()
      t.equal(becauseOf(said), 'what was synced is there')
      const readBytes = next.readBytes.get('__delay') ?? 0
      t.ok(readBytes < 30_000, `${readBytes} bytes of __delay were read; it has ${wholeBytes}`)
      t.equal(next.wheel.stats().pending, waiting, 'the counts are right')

      const { engine, wheel, clock } = next
      t.same(await history.contradictions(engine, wheel, TARGETS, clock.wallMs(), false), [])
      await next.pass(history.lastDueAtMs - clock.wallMs() + 100)
      await next.until(() => wheel.stats().pending === 0)
      t.same(await history.contradictions(engine, wheel, TARGETS, clock.wallMs(), true), [])
      t.equal(wheel.stats().slotsDerived, 0, 'every slot file was whole')
      t.same(next.failures, [])
    },
  )
}

async function bytesOfDelay({ engine }: Machine): Promise<number> {
  let bytes = 0
  const { logStartOffset, highWatermark } = engine.offsets('__delay', 0)
  for (let at = logStartOffset; at < highWatermark; at += TOGETHER)
    bytes += (await engine.read('__delay', 0, at, 1)).length
  return bytes
}

/** The power goes; what starts then goes on from the synced checkpoint, and all that was answered holds. */
async function goesOn(t: Test, { machine, history, said }: Pending, seed: number): Promise<void> {
  const next = machine.powerless(new SeededRandom(seed))
  await next.start()
  t.equal(becauseOf(said), 'what was synced is there')
  // How much waits in the second where the hand stood is known when its slot has been read.
  await next.pass(2_000)
  await settle(200)
  t.equal(next.wheel.stats().pending, await history.pendingCount(next.engine, TARGETS), 'the counts are right')
  await next.pass(history.lastDueAtMs - next.clock.wallMs() + 100)
  await next.until(() => next.wheel.stats().pending === 0)
  t.same(await history.contradictions(next.engine, next.wheel, TARGETS, next.clock.wallMs(), true), [])
  t.equal(next.wheel.stats().slotsDerived, 0, 'every slot file was whole')
  t.same(next.failures, [])
}

async function checkpoint(machine: Machine): Promise<void> {
  await machine.outcome(machine.wheel.checkpoint())
  await machine.engine.checkpoint()
}

/** Messages are dispatched, withdrawn, moved into slots; every 12 s there is a checkpoint, every 50 s a synced one. */
async function liveThrough({ machine, history, publish }: Pending, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await publish(TOGETHER)
    await machine.pass(11_000)
    await machine.outcome(history.cancel(machine.wheel, 5 * round))
    const nowMs = machine.clock.wallMs()
    await machine.outcome(history.move(machine.wheel, 5 * round + 1, nowMs + 150_000, nowMs))
    await machine.pass(1_000)
    await checkpoint(machine)
  }
}

t.test('what it relies on stays, however many other checkpoints come and go', async (t) => {
  for (const slots of [20, 120]) {
    for (const rounds of [1, 3, 5, 9]) {
      const found = await pending(120, { slots, settledMs: 40_000 })
      await liveThrough(found, rounds)
      await goesOn(t, found, rounds)
    }
  }
})

t.test('__delay is kept for it, though all that it says went to overflow', async (t) => {
  const found = await pending(120, { slots: 20 })
  await found.publish(TOGETHER)
  // Later ones have no time to be synced.
  await checkpoint(found.machine)
  await found.publish(TOGETHER)
  await checkpoint(found.machine)
  await goesOn(t, found, 1)
})

t.test('slot files are kept for it, though all that is in them was withdrawn and their time has passed', async (t) => {
  // A power cut may bring a file back that was removed, or not.
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const found = await pending(0, { settledMs: 40_000 })
    const { machine, history } = found
    const nowMs = machine.clock.wallMs()
    const [soonMs, laterMs] = [nowMs + 60_000, nowMs + 200_000]
    await history.publish(machine.engine, machine.wheel, '__due', [soonMs, soonMs, laterMs])
    await machine.pass(20)
    await checkpointAndSync(machine)
    for (const _ of [1, 2]) await machine.outcome(history.cancel(machine.wheel, 0))
    await machine.pass(soonMs - machine.clock.wallMs() + 5_000)
    await checkpoint(machine)
    await goesOn(t, found, seed)
  }
})

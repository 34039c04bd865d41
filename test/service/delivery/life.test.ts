// The life of a record: the table of legal moves, its picture in ARCHITECTURE.md, and random stories that must keep to it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { LIFE, type LifeEvent, type RecordState } from '../../../service/delivery/life.ts'
import { settle } from '../../support/manual-clock.ts'
import { explainerOf } from './explain/explain-rig.ts'
import { GroupRig } from './group-rig.ts'

const STATES = Object.keys(LIFE) as RecordState[]

/** Every move as `from event to`. */
function movesOfTable(): string[] {
  return STATES.flatMap((from) =>
    Object.entries<readonly string[]>(LIFE[from]).flatMap(([event, targets]) =>
      targets.map((to) => `${from} ${event} ${to}`),
    ),
  ).sort()
}

t.test('the picture in ARCHITECTURE.md is the table', async (t) => {
  const text = readFileSync(join(import.meta.dirname, '../../../ARCHITECTURE.md'), 'utf8')
  const picture = /## The life of a record\n[\s\S]*?```\n([\s\S]*?)```/.exec(text)?.[1] ?? ''
  const drawn: string[] = []
  // Two spaces or more part what stands beside each other; a chain is state ──event, event──► state ──event──► state.
  for (const row of picture.split(/\n|\s{2,}/)) {
    const parts = row
      .trim()
      .split(/\s*──+\s*|►\s*/)
      .filter((part) => part !== '')
    for (let i = 0; i + 2 < parts.length; i += 2) {
      for (const event of parts[i + 1].split(', ')) drawn.push(`${parts[i]} ${event} ${parts[i + 2]}`)
    }
  }
  t.strictSame(drawn.filter((move) => !move.startsWith('publish ')).sort(), movesOfTable())
  t.equal(new Set(drawn).size, drawn.length, 'each move once')
})

t.test('every state is reached, and what ends a life is left by a reset only', async (t) => {
  const all = new Set(STATES.flatMap((state) => Object.keys(LIFE[state]) as LifeEvent[]))
  t.strictSame([...reachable('pending', all)].sort(), [...STATES].sort())
  for (const end of ['accepted', 'purged', 'finished'] as const) t.strictSame(Object.keys(LIFE[end]), ['reset'])
  for (const end of ['cancelled', 'removed'] as const) t.strictSame(Object.keys(LIFE[end]), [])
})

const TIERS_MS = [2_000, 6_000]
const LOCK_MS = 5_000

class Story {
  readonly rig: GroupRig
  readonly #receipts: string[] = []

  constructor(rig: GroupRig) {
    this.rig = rig
  }

  async acquire(max: number): Promise<void> {
    for (const { receipt } of await this.rig.acquire(max)) this.#receipts.push(receipt)
  }

  /** About some that were acquired: the lock of some is over. */
  async say(choice: number, type: 'accept' | 'release' | 'reject' | 'renew', more: object = {}): Promise<void> {
    const chosen = this.#receipts.slice(-6).filter((_, i) => (i + choice) % 2 === 0)
    const acknowledgements = chosen.map((receipt) => ({ receipt, type, ...more }))
    await this.rig.groups.acknowledge('orders', 'billing', acknowledgements)
  }
}

interface Act {
  weight: number
  /** What it may bring about; that a key is freed, and that its next record must wait, comes with most. */
  events: LifeEvent[]
  run(story: Story, choice: number): Promise<unknown>
}

const ACTS: Record<string, Act> = {
  publish: {
    weight: 4,
    events: [],
    run: ({ rig }, choice) => {
      return rig.publish('orders', ['a', 'b'].slice(choice % 2), 0, choice % 3 === 0 ? null : `k${choice % 4}`)
    },
  },
  acquire: { weight: 6, events: ['acquire'], run: (story, choice) => story.acquire(1 + (choice % 5)) },
  accept: { weight: 3, events: ['accept'], run: (story, choice) => story.say(choice, 'accept') },
  release: { weight: 3, events: ['release'], run: (story, choice) => story.say(choice, 'release') },
  delay: {
    weight: 1,
    events: ['release'],
    run: (story, choice) => story.say(choice, 'release', { delayMs: (choice % 20) * 500 }),
  },
  reject: { weight: 3, events: ['reject'], run: (story, choice) => story.say(choice, 'reject') },
  renew: { weight: 1, events: ['renew'], run: (story, choice) => story.say(choice, 'renew') },
  advance: {
    weight: 4,
    events: ['due', 'expire'],
    run: async ({ rig }, choice) => {
      await rig.clock.advance(1 + choice * 7)
      await rig.turnWheel()
    },
  },
  redrive: {
    weight: 1,
    events: ['redrive', 'due', 'expire'],
    run: async ({ rig }) => {
      await rig.groups.deadLetters.redrives.begin('orders', 'billing', { filter: {} })
      await rig.clock.advance(200)
      await rig.turnWheel()
    },
  },
  purge: { weight: 1, events: ['purge'], run: ({ rig }) => rig.groups.deadLetters.purge('orders', 'billing') },
  checkpoint: { weight: 1, events: [], run: ({ rig }) => rig.groups.checkpoint() },
  crash: { weight: 1, events: [], run: ({ rig }) => rig.crash() },
}
const OVER: readonly RecordState[] = ['accepted', 'purged']
const ALWAYS: LifeEvent[] = ['park', 'free']

const act = fc.record({
  name: fc.oneof(...Object.entries(ACTS).map(([name, { weight }]) => ({ weight, arbitrary: fc.constant(name) }))),
  choice: fc.nat(999),
})

t.test('whatever happens in whatever order, a record makes legal moves only', async (t) => {
  const seen = new Map<string, number>()
  const play = async (acts: { name: string; choice: number }[], order: 'none' | 'key') => {
    const rig = await GroupRig.start({ orders: 1 }, { retry: TIERS_MS, lockMs: LOCK_MS, maxInFlight: 6, order })
    await rig.groups.configure('orders', 'billing', {})
    const story = new Story(rig)
    const states: RecordState[] = []
    for (const { name, choice } of acts) {
      await ACTS[name].run(story, choice)
      await settle()
      const explainer = await explainerOf(rig)
      const may = new Set([...ACTS[name].events, ...ALWAYS])
      const { highWatermark } = rig.engine.offsets('orders', 0)
      for (let offset = 0; offset < highWatermark; offset++) {
        const { state, why } = await explainer.explain('orders', { partition: 0, offset }, 'billing')
        const from: RecordState = states[offset] ?? 'ready'
        const legal = reachable(from, may)
        // What ended is too long ago to say how, once a checkpoint trimmed what told of it.
        const end = [from, ...OVER].find((end) => OVER.includes(end) && legal.has(end))
        const to = state === 'finished' && end !== undefined ? end : (state as RecordState)
        if (!legal.has(to)) throw new Error(`${name} moved a record from ${from} to ${to}: ${why}`)
        states[offset] = to
        if (from !== to) seen.set(`${from} → ${to}`, (seen.get(`${from} → ${to}`) ?? 0) + 1)
      }
    }
  }
  const acts = fc.array(act, { minLength: 25, maxLength: 60 })
  const property = fc.asyncProperty(acts, fc.constantFrom('none' as const, 'key' as const), play)
  await fc.assert(property, { numRuns: Number(process.env.RUNS ?? 80) })
  const reached = new Set([...seen.keys()].map((move) => move.split(' → ')[1]))
  t.strictSame([...reached].sort(), ['accepted', 'acquired', 'dead', 'parked', 'purged', 'ready', 'retrying'])
  t.comment([...seen].map(([move, count]) => `${move}: ${count}`).join(', '))
})

/** Every state that a record may be in after some of these events, in any order and number. */
function reachable(from: RecordState, events: ReadonlySet<LifeEvent>): Set<RecordState> {
  const found = new Set<RecordState>([from])
  for (const state of found) {
    for (const [event, targets] of Object.entries(LIFE[state])) {
      if (events.has(event as LifeEvent)) for (const target of targets) found.add(target)
    }
  }
  return found
}

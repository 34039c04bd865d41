// A history whose time is that of a simulated machine: what its wall clock would show had nobody stepped it, since the
// beginning. Time stands still while things happen, so each event comes a hair after the one before it.

import type { Call, Event, Invoke, Note, Outcome } from '../../checker/history.ts'
import type { World } from '../world.ts'

const HAIR_MS = 1e-5

type InvokeOf<C extends Call> = Extract<Invoke, { call: C }>['value']
type OkOf<C extends Call> = Extract<Outcome, { call: C; kind: 'ok' }>['value']

export class SimulatedHistory {
  readonly events: Event[] = []
  readonly #world: World
  readonly #beganWallMs: number
  readonly #open = new Map<number, Call>()
  #aheadMs = 0

  constructor(world: World) {
    this.#world = world
    this.#beganWallMs = world.clock.wallMs()
  }

  /** A time that a server told, as the history counts. */
  timeOf(wallMs: number): number {
    return wallMs - this.#beganWallMs
  }

  get #nowMs(): number {
    return this.#world.elapsedMs + this.events.length * HAIR_MS
  }

  invoke<C extends Call>(call: C, value: InvokeOf<C>): number {
    const op = this.events.length + 1
    this.#open.set(op, call)
    this.#add({ op, call, kind: 'invoke', atMs: this.#nowMs, value } as Event)
    return op
  }

  ok<C extends Call>(op: number, call: C, value: OkOf<C>): void {
    this.#open.delete(op)
    this.#add({ op, call, kind: 'ok', atMs: this.#nowMs, value } as Event)
  }

  /** It was not answered, or nobody knows what was done. */
  info(op: number): void {
    const call = this.#open.get(op)
    if (call === undefined) return
    this.#open.delete(op)
    this.#add({ op, call, kind: 'info', atMs: this.#nowMs, value: 'lost' })
  }

  fail(op: number, why: string): void {
    const call = this.#open.get(op) as Call
    this.#open.delete(op)
    this.#add({ op, call, kind: 'fail', atMs: this.#nowMs, value: why })
  }

  /** The server is gone: nothing that was asked for will be answered. */
  ended(): void {
    for (const op of [...this.#open.keys()]) this.info(op)
    this.note('server ended')
  }

  note(note: Exclude<Note['note'], 'clock'>): void {
    this.#add({ kind: 'note', atMs: this.#nowMs, note })
  }

  /** The wall clock was stepped by so much. */
  stepped(ms: number): void {
    this.#aheadMs += ms
    this.#add({ kind: 'note', atMs: this.#nowMs, note: 'clock', aheadMs: this.#aheadMs })
  }

  get aheadMs(): number {
    return this.#aheadMs
  }

  #add(event: Event): void {
    this.events.push(event)
    this.#world.trace.add(JSON.stringify(event))
  }
}

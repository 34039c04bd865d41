// How the service is, what falls due, and where a message is: looks, which change nothing.

import { type CallOptions, type Calls, segment } from './calls.ts'

/** Whether the service is ready, and what it would say of itself. */
export interface Readiness {
  ready: boolean
  clusterId?: string
  /** Whether messages can be published. */
  publishing?: boolean
  /** How the hand stands to the wall clock: `followed`, `behind`, `settling`, `not believed`. */
  clock?: string
  why?: string
}

export interface Forecast {
  /** Where the first step begins. */
  from: string
  fromMs: number
  stepMs: number
  /** How many messages are due in each step. */
  counts: number[]
  overdue: number
  later: number
  approximate?: true
}

export interface ForecastOptions extends CallOptions {
  /** Steps of a second; 60 when nothing is given. */
  seconds?: number
  /** Steps of a minute, instead. */
  minutes?: number
  topic?: string
}

/** Where a message is, as far as itself or one group is concerned. The words are listed in `/openapi.json`. */
export interface Account {
  state: string
  because?: string
  /** In one sentence, for people. */
  why: string
  dueAt?: string
  dueAtMs?: number
  lockedUntil?: string
  lockedUntilMs?: number
  tier?: string
  deliveryCount?: number
  ahead?: number
  happened: { at: string; atMs: number; event: string; reason?: string }[]
  next?: { event: string; at?: string; atMs?: number; to?: string }
}

export interface Explanation extends Account {
  topic: string
  id?: string
  partition?: number
  offset?: number
  group?: string
  groups?: (Account & { group: string })[]
  groupsOmitted?: number
}

/** A message, by its id or by where it lies. */
export type MessageName = { id: string } | { partition: number; offset: number }

/** A service that is not ready answers why not, with 503 and no problem document. */
export function readiness(calls: Calls, options?: CallOptions): Promise<Readiness> {
  const isAnswer = ({ status, text }: { status: number; text: string }) =>
    status === 503 && text.startsWith('{"ready":false')
  return calls.json({ method: 'GET', path: '/readyz', repeat: 'always', isAnswer, options })
}

export function forecast(
  calls: Calls,
  { seconds, minutes, topic, ...options }: ForecastOptions = {},
): Promise<Forecast> {
  return calls.json({
    method: 'GET',
    path: '/v1/forecast',
    query: { seconds, minutes, topic },
    repeat: 'always',
    options,
  })
}

export function explain(
  calls: Calls,
  topic: string,
  message: MessageName,
  { group, ...options }: CallOptions & { group?: string } = {},
): Promise<Explanation> {
  const path = `/v1/topics/${segment(topic)}/explain`
  return calls.json({ method: 'GET', path, query: { ...message, group }, repeat: 'always', options })
}

// What a route asks of who calls it: stands beside the route, in its `config`. A route without one is not built: see
// service/http/front-door.ts.

import type { Right } from './rights.ts'

/**
 * Which topics it is about. `path`: the one that its path names. `seen`: its handler leaves out what the caller does not see.
 * `all`: it cannot be told apart, so that only who sees all topics may call it.
 */
export type TopicsAsked = 'path' | 'seen' | 'all'

export interface RouteAccess {
  /** One of these; none: anyone may call it, also without a token. */
  rights: readonly Right[]
  topics: TopicsAsked
}

export const ANYONE: RouteAccess = { rights: [], topics: 'seen' }

/** One of `rights`, over the topic that the path names. */
export function needs(...rights: readonly Right[]): RouteAccess {
  return { rights, topics: 'path' }
}

/** One of `rights`; the handler asks the caller which topics he sees. */
export function needsSome(...rights: readonly Right[]): RouteAccess {
  return { rights, topics: 'seen' }
}

/** One of `rights`, over all topics. */
export function needsAll(...rights: readonly Right[]): RouteAccess {
  return { rights, topics: 'all' }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: RouteAccess
  }
}

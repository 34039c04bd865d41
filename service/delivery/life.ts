// The life of a record in a group: its states, and all the moves between them. What a group does with offsets, runs and lanes
// comes to these moves and to no other; ARCHITECTURE.md draws them, a test holds the picture to the table and random stories
// to both.
//
// An event is named for who brings it about: consumers acquire, accept, release, reject and renew; time expires locks and makes
// due; people cancel, move, redrive, purge and reset; retention removes. A failed try leads to its tier or, behind the last one,
// to the dead letters.

/** Event → where it leads, by state. */
export const LIFE = {
  /** Delayed, in the wheel. */
  pending: { due: ['ready'], reschedule: ['pending'], cancel: ['cancelled'] },
  /** In the topic or in a lane, due, and held by nobody. */
  ready: { acquire: ['acquired'], park: ['parked'], remove: ['removed'], reset: ['finished'] },
  /** Passed over: an earlier record of its key is under way. */
  parked: { free: ['ready'], acquire: ['acquired'], remove: ['removed'], reset: ['ready', 'finished'] },
  /** With a consumer, under a lock. */
  acquired: {
    renew: ['acquired'],
    accept: ['accepted'],
    release: ['retrying', 'dead'],
    expire: ['retrying', 'dead'],
    reject: ['dead'],
    remove: ['removed'],
    reset: ['ready', 'finished'],
  },
  /** In the lane of a tier, or in the wheel with a delay of its own. */
  retrying: { due: ['ready'], remove: ['removed'], reset: ['ready', 'finished'] },
  accepted: { reset: ['ready'] },
  dead: { redrive: ['ready'], purge: ['purged'], remove: ['removed'], reset: ['ready'] },
  purged: { reset: ['ready'] },
  cancelled: {},
  removed: {},
  /** Given up by a reset to a later place, or never the group's: it began behind it. */
  finished: { reset: ['ready'] },
} as const satisfies Record<string, Partial<Record<LifeEvent, readonly string[]>>>

export type RecordState = keyof typeof LIFE

export type LifeEvent =
  | 'due'
  | 'reschedule'
  | 'cancel'
  | 'park'
  | 'free'
  | 'acquire'
  | 'renew'
  | 'accept'
  | 'release'
  | 'expire'
  | 'reject'
  | 'redrive'
  | 'purge'
  | 'remove'
  | 'reset'

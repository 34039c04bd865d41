// What to do about each error, beside its row in service/errors.ts: the pages below /docs/errors are made of both.
// test/service/error-advice.test.ts holds the two to each other.

import type { ErrorCode } from '../errors.ts'
import type { Advice } from './advice.ts'
import { OF_ACCESS } from './of-access.ts'
import { OF_DISKS } from './of-disks.ts'
import { OF_REQUESTS } from './of-requests.ts'
import { OF_STARTS } from './of-starts.ts'
import { OF_STATE } from './of-state.ts'
import { OF_THINGS } from './of-things.ts'

export type { Advice } from './advice.ts'

export interface AdviceSection {
  title: string
  /** What they have in common. */
  summary: string
  advice: Readonly<Partial<Record<ErrorCode, Advice>>>
}

/** In the order in which a request meets them. */
export const SECTIONS: readonly AdviceSection[] = [
  {
    title: 'What a request says',
    summary:
      'The request is refused as it stands, and nothing of it was done. Change it; the same again gets the same answer.',
    advice: OF_REQUESTS,
  },
  {
    title: 'Who sends it, and how much',
    summary: 'Tokens, rights, limits, hosts: decided before anything of the request is looked at.',
    advice: OF_ACCESS,
  },
  {
    title: 'What it names',
    summary: 'What the request is about is not there, or not there any more.',
    advice: OF_THINGS,
  },
  {
    title: 'What stands against it',
    summary: 'The request is well said, and cannot be done as things are.',
    advice: OF_STATE,
  },
  {
    title: 'What disks do',
    summary:
      'Never success for what may be lost: the request is refused, or the service ends and says where the damage is.',
    advice: OF_DISKS,
  },
  {
    title: 'What stops a start or a tool',
    summary: 'In the log and on the terminal; requests are not answered with these.',
    advice: OF_STARTS,
  },
]

export const ADVICE: Readonly<Record<ErrorCode, Advice>> = {
  ...OF_REQUESTS,
  ...OF_ACCESS,
  ...OF_THINGS,
  ...OF_STATE,
  ...OF_DISKS,
  ...OF_STARTS,
}

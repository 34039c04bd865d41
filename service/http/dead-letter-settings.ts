// What is set on the dead letters of a group: how many may come within a minute, and how long they are kept.

import { type Static, Type } from 'typebox'
import { DEAD_PER_MINUTE_MAX, type DeadLetterSettings } from '../delivery/index.ts'
import { formatDuration, parseDuration } from '../duration.ts'
import { invalidField } from '../publish/message.ts'
import { CLOSED, Duration } from './schemas.ts'

const PerMinuteMax = Type.Union([Type.Integer({ minimum: 1, maximum: DEAD_PER_MINUTE_MAX }), Type.Null()], {
  description: 'When more records die within a minute, the group is paused. null: any number.',
})

export const DeadLettersChange = Type.Object(
  {
    perMinuteMax: Type.Optional(PerMinuteMax),
    retention: Type.Optional(
      Type.Union([Duration, Type.Null()], { description: 'How long they are kept. null: for ever.' }),
    ),
  },
  { ...CLOSED, title: 'DeadLetterSettingsChange', description: 'What is given is set; the rest stays.' },
)
export const DeadLettersShown = Type.Object(
  {
    perMinuteMax: PerMinuteMax,
    retention: Type.Union([Type.String(), Type.Null()], { description: 'How long they are kept. null: for ever.' }),
  },
  { title: 'DeadLetterSettings', description: 'What becomes of the dead letters of a group.' },
)

/** What is given changes, the rest stays. @throws INVALID_DURATION, INVALID_FIELD */
export function deadLettersAfter(
  { perMinuteMax, retention }: Static<typeof DeadLettersChange>,
  before: DeadLetterSettings = {},
): DeadLetterSettings {
  return {
    perMinuteMax: perMinuteMax === undefined ? before.perMinuteMax : (perMinuteMax ?? undefined),
    retentionMs: retention === undefined ? before.retentionMs : retention === null ? undefined : retentionOf(retention),
  }
}

function retentionOf(given: number | string): number {
  const retentionMs = parseDuration(given, 'deadLetters.retention')
  if (retentionMs < 1) throw invalidField('deadLetters.retention', 'at least 1ms')
  return retentionMs
}

export function deadLettersJson({
  perMinuteMax,
  retentionMs,
}: DeadLetterSettings = {}): Static<typeof DeadLettersShown> {
  return {
    perMinuteMax: perMinuteMax ?? null,
    retention: retentionMs === undefined ? null : formatDuration(retentionMs),
  }
}

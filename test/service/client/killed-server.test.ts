// The small form of killed-server.ts; whole it runs by hand.

import t from 'tap'
import { runUnderKills } from './killed-server.ts'

t.test(
  'a server that is killed while the client publishes and consumes: nothing lost, nothing published twice',
  { timeout: 110_000 },
  async (t) => {
    // biome-ignore format: short
    const outcome = await runUnderKills({ messages: 6_000, kills: 3 })
    t.match(outcome, { lost: 0, publishedTwice: 0, notConsumed: 0, unhandledRejections: 0, publishFailures: 0 })
    t.ok(outcome.deliveries >= outcome.messages)
  },
)

// The uppermost layer: what a request reaches, and what is told of all below it.

import { forecast } from '../../timewheel/index.ts'
import { Canary } from '../canary.ts'
import { ArrivingBytes } from '../http/arriving-bytes.ts'
import { buildRoutes } from '../http/server.ts'
import { SlowBodies } from '../http/slow-bodies.ts'
import { pendingByTopic } from '../metrics/pending-by-topic.ts'
import type { MetricSources } from '../metrics/sources.ts'
import { PendingQuotas } from '../quotas/pending-quotas.ts'
import { Quotas } from '../quotas/quotas.ts'
import type { DeliveryLayer } from './delivery.ts'

/** Builds the routes and hands the port to them: from then on requests are answered. */
export async function openDoor(below: DeliveryLayer): Promise<void> {
  const { settings, clock, topics, groups, wheel, listener, metrics, readiness, opened } = below
  metrics.watch(sourcesOf(below))
  const routes = await buildRoutes({
    ...below,
    quotas: new Quotas({ settings, clock, topics, groups }),
    pendingQuotas: new PendingQuotas({ settings, clock, topics, census: wheel.census }),
    arriving: new ArrivingBytes(settings.ARRIVING_BYTES_MAX),
    slow: new SlowBodies(clock, settings.BODY_BYTES_PER_SECOND_MIN),
  })
  // Before all that answers requests.
  opened.add('routes', () => listener.close())
  if (settings.CANARY_INTERVAL > 0) startCanary(below)
  readiness.serve(() => wheel.stats().lastTickAgeMs)
  listener.serve(routes)
}

function startCanary(below: DeliveryLayer): void {
  const { settings, metrics, opened } = below
  const canary = Canary.start({
    ...below,
    intervalMs: settings.CANARY_INTERVAL,
    onPublished: (topic) => metrics.countPublished(topic, 'all', 1),
    onCaught: (latenessMs) => metrics.observeCanary(latenessMs),
    onLost: () => metrics.countLostCanary(),
  })
  opened.add('canary', () => canary.stop())
}

function sourcesOf(below: DeliveryLayer): MetricSources {
  const { settings, access, checkpoints, damage, engine, groups, hand, listener, publisher, pusher } = below
  const { readiness, space, startup, topics, wheel } = below
  return {
    published: () => publisher.stats(),
    wheel: () => wheel.stats(),
    overdue: () => {
      const fromSecond = Math.floor(hand.nowMs() / 1000)
      return forecast(wheel.census, { fromSecond, stepSeconds: 1, steps: 0 }).overdue
    },
    pendingByTopic: () => pendingByTopic(wheel.census, engine.topics(), settings.METRICS_TOPICS_MAX),
    groups: () => groups.stats(),
    groupsWaiting: () => groups.waiting(settings.METRICS_TOPICS_MAX),
    push: () => pusher.stats(),
    engine: () => engine.stats(),
    ready: () => readiness.whyNot() === undefined,
    topics: () => topics.list().length,
    connections: () => listener.connections,
    clock: () => ({ state: hand.state(), aheadMs: hand.offsetMs(), steps: hand.steps }),
    checkpoints: () => checkpoints.stats(),
    compaction: () => engine.compaction,
    damage: () => damage,
    space: () => space.stats(),
    access: () => access.stats(),
    start: () => startup.took,
  }
}

// What works with messages: groups, publishing, what looks at both; and what goes on by itself: the wheel, checkpoints, push.

import { Checkpoints } from '../checkpoints.ts'
import { Explainer } from '../delivery/explain/explain.ts'
import { Groups } from '../delivery/index.ts'
import { DelayedMessages } from '../publish/delayed.ts'
import { Publisher } from '../publish/publish.ts'
import { sharedResolve } from '../push/network.ts'
import { Pusher } from '../push/pusher.ts'
import { Topics } from '../topics.ts'
import type { WheelLayer } from './wheel.ts'

export interface DeliveryLayer extends WheelLayer {
  groups: Groups
  topics: Topics
  publisher: Publisher
  delayed: DelayedMessages
  explainer: Explainer
  checkpoints: Checkpoints
  pusher: Pusher
}

/** Restores the groups, lets the wheel catch up and turn, and starts what goes on by itself. */
export async function openDelivery(below: WheelLayer): Promise<DeliveryLayer> {
  const { settings, engine, clock, hand, space, ids, wheel } = below
  const groups = await openGroups(below)
  const topics = new Topics({
    engine,
    defaultPartitions: settings.DEFAULT_PARTITIONS,
    autoCreate: settings.AUTO_CREATE_TOPICS,
    ownerOf: (topic) => groups.ownerOf(topic),
    space,
  })
  const waitingBytesMax = settings.WAITING_BYTES_MAX
  const publisher = new Publisher({ engine, topics, ids, wheel, hand, space, waitingBytesMax })
  const delayed = new DelayedMessages({ topics, ids, wheel, space })
  const rememberMs = settings.DEDUPLICATION_WINDOW
  const explainer = new Explainer({ engine, clock, topics, delayed, wheel, groups, hand, rememberMs })
  const checkpoints = startCheckpoints(below, groups)
  const pusher = startPusher(below, groups)
  return { ...below, groups, topics, publisher, delayed, explainer, checkpoints, pusher }
}

/** The wheel turns when they are restored: it may have messages for their lanes. */
async function openGroups(below: WheelLayer): Promise<Groups> {
  const { settings, engine, clock, random, hand, log, wheel, startup, opened } = below
  startup.next('groups', 'Restoring the groups.')
  const groups = await Groups.open({
    engine,
    clock,
    random,
    hand,
    wheel,
    log,
    defaults: {
      retry: settings.GROUP_RETRY,
      lockMs: settings.GROUP_LOCK,
      maxInFlight: settings.GROUP_IN_FLIGHT_MAX,
      deadLetters: { perMinuteMax: settings.GROUP_DEAD_PER_MINUTE_MAX || undefined },
    },
  })
  opened.add('groups', () => groups.stop())
  startup.next('delayed', 'Catching up with delayed messages.')
  await wheel.start()
  startup.next('deadLetters', 'Looking at the dead letters.')
  await groups.deadLetters.start()
  return groups
}

function startCheckpoints(below: WheelLayer, groups: Groups): Checkpoints {
  const { settings, clock, log, engine, wheel, ids, opened, onFailure } = below
  const checkpoints = new Checkpoints({
    clock,
    log,
    intervalMs: settings.CHECKPOINT_INTERVAL,
    journalBytesMax: settings.CHECKPOINT_BYTES / 2,
    journalBytes: () => engine.stats().journalBytes,
    parts: [wheel, groups, ids],
    onFailure,
  })
  checkpoints.start()
  opened.add('checkpoints', async () => {
    await checkpoints.stop()
    await checkpoints.run()
  })
  return checkpoints
}

function startPusher(below: WheelLayer, groups: Groups): Pusher {
  const { settings, clock, log, clusterId, tracing, metrics, opened, stopping, onFailure } = below
  const pusher = Pusher.start({
    groups,
    clock,
    log,
    hosts: below.pushHosts,
    clusterId,
    resolve: sharedResolve(),
    socketsMax: below.pushSocketsMax,
    bytesMax: settings.PUSH_BYTES_MAX,
    stopMs: settings.STOP_TIMEOUT,
    stopping,
    onPush: (tookMs) => metrics.observePush(tookMs),
    tracing,
    onFailure,
  })
  opened.add('pusher', () => pusher.stop())
  return pusher
}

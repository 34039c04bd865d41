// What clients do: several at once, each call by itself. What is answered goes to the model; what a dead process was asked
// stays in doubt. A rejection is right when the request was wrong, or when something was wrong with the disk. Any other is
// a fault of ours.

import { cancel, dispatchNow, list, lookUp, reschedule } from './asking.ts'
import { Client, type ClientOptions } from './client.ts'
import { alterTopic, createTopic, deleteTopic } from './managing.ts'
import { delayMs, publish } from './publishing.ts'
import { deleteRecords, offsetForTime, read } from './reading.ts'
import type { Operation } from './swarm.ts'
import type { Process } from './world.ts'

const TOPIC_NAMES = ['a', 'b', 'c', 'd']

const CALLS: Record<Operation, (client: Client) => Promise<void>> = {
  publish: (client) => publish(client, client.random.between(1, 3)),
  'publish many': (client) => publish(client, client.random.between(10, 60)),
  'hot second': (client) => publish(client, client.random.pick([100, 300, 1000]), client.handMs + delayMs(client)),
  cancel,
  reschedule,
  'dispatch now': dispatchNow,
  'look up': lookUp,
  list,
  read,
  'offset for time': offsetForTime,
  'delete records': deleteRecords,
  'create topic': (client) => createTopic(client, client.random.pick(TOPIC_NAMES)),
  'alter topic': alterTopic,
  'delete topic': deleteTopic,
  'checkpoint log': ({ engine }) => engine.checkpoint(),
  compact: ({ engine }) => engine.compact(),
  'checkpoint wheel': ({ wheel }) => wheel.checkpoint(),
}

export class Workload {
  readonly #options: ClientOptions
  /** Calls that were not answered yet. */
  underWay = 0

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** The process is dead: nobody waits for it. */
  forget(): void {
    this.underWay = 0
  }

  /** Begins a call of `process`. */
  begin(operation: Operation, process: Process): void {
    const client = new Client(this.#options, process)
    client.world.trace.add(`> ${operation}`)
    this.underWay++
    CALLS[operation](client)
      .catch((error) => client.isDead || client.rejected(operation, error))
      .finally(() => {
        if (!client.isDead) this.underWay--
      })
  }

  /** The first topic, made before anybody asks for anything. */
  async createFirstTopic(process: Process): Promise<void> {
    await createTopic(new Client(this.#options, process), TOPIC_NAMES[0])
  }
}

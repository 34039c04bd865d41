// beanstalkd with its log on disk. `-f 0` syncs it at each write, before the answer; `-f 50` at most every 50 ms, after it.
//
// Delays are whole seconds, counted from when the server takes a put: somewhere between when it was sent and when it was
// answered. Lateness is counted from the later of these, in its favour; early would be before the earlier.

import { numberOf, textOf } from '../numbered.ts'
import { wallMs } from '../wall-clock.ts'
import { BeanstalkConnection } from './beanstalk-connection.ts'
import type { Due, Peer, PeerClient, Planned, Taking } from './peer.ts'
import { isInstalled, startPeer } from './peer-process.ts'

const PUT_CONNECTIONS = 8
/** Each connection reserves one job at a time; so many of them wait for each consumer that is asked for. */
const CONNECTIONS_PER_CONSUMER = 8
const SECOND_MS = 1_000

export function beanstalkd(syncEveryMs: number): Peer {
  return {
    name: `beanstalkd -f ${syncEveryMs}`,
    answered: syncEveryMs === 0 ? 'synced' : `written, synced within ${syncEveryMs} ms`,
    missing: () => (isInstalled('beanstalkd') ? undefined : 'not installed: apt-get install beanstalkd'),
    start: () =>
      startPeer('beanstalkd', (port, directory) => {
        return ['-l', '127.0.0.1', '-p', `${port}`, '-b', directory, '-f', `${syncEveryMs}`]
      }),
    connect: (port) => new BeanstalkClient(port),
  }
}

class BeanstalkClient implements PeerClient {
  readonly #port: number
  readonly #putters: BeanstalkConnection[] = []
  #turn = 0

  constructor(port: number) {
    this.#port = port
  }

  publish(messages: readonly Planned[], size: number): Promise<Due[]> {
    const at = this.#turn++ % PUT_CONNECTIONS
    return new Promise((resolve, reject) => {
      this.#putters[at] ??= new BeanstalkConnection(this.#port, reject)
      const sentMs = wallMs()
      const jobs = messages.map(({ n, dueAtMs }) => {
        const delaySeconds = dueAtMs === undefined ? 0 : Math.max(1, Math.round((dueAtMs - sentMs) / SECOND_MS))
        return { delaySeconds, data: textOf(n, size) }
      })
      const dues: Due[] = []
      this.#putters[at].put(jobs, (i) => {
        const delayMs = jobs[i].delaySeconds * SECOND_MS
        dues.push({ dueAtMs: wallMs() + delayMs, notBeforeMs: sentMs + delayMs })
        if (dues.length === jobs.length) resolve(dues)
      })
    })
  }

  consume({ consumers, single = false, onTaken, onFinished }: Taking): () => Promise<void> {
    const fail = (error: Error) => {
      throw error
    }
    const length = single ? consumers : consumers * CONNECTIONS_PER_CONSUMER
    const connections = Array.from({ length }, () => {
      const connection = new BeanstalkConnection(this.#port, fail)
      const onDeleted = () => onFinished(1)
      const reserve = (done?: string) => {
        connection.reserve(
          done,
          (id, data) => {
            onTaken(numberOf(data), wallMs())
            reserve(id)
          },
          onDeleted,
        )
      }
      reserve()
      return connection
    })
    return async () => {
      for (const connection of connections) connection.close()
    }
  }
}

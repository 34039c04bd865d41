// Consumers of a group in a process of their own: they accept what they acquire, or release it by chance, until every record
// is accepted or dead, and judge each delivery: of a key no record comes while an earlier one is under way.

import { HttpClient } from '../support/http-client.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { runLoad } from './load-process.ts'

export interface KeyOrderOptions {
  port: number
  group: string
  consumers: number
  batch: number
  records: number
  /** How many of a hundred deliveries are released. */
  failing: number
  /** So many releases of one record; the next one is its death. */
  tiers: number
}

export interface KeyOrderResult {
  deliveries: number
  dead: number
  overtaken: number
  /** Until the first record came. */
  firstMs: number
  ms: number
}

interface Delivered {
  receipt: string
  key: string
  partition: number
  offset: number
  deliveryCount: number
}

/** What is known of a key in a partition. */
interface Turn {
  /** The last record that was delivered for the first time. */
  newest: number
  /** Under way; undefined when the last one ended, or was told to and may have by now. */
  underWay: number | undefined
}

async function load(options: KeyOrderOptions, ready: () => void): Promise<KeyOrderResult> {
  const { port, group, consumers, batch, records, failing, tiers } = options
  const client = new HttpClient(port, consumers)
  const random = new SeededRandom(7)
  const turns = new Map<string, Turn>()
  const result = { deliveries: 0, dead: 0, overtaken: 0, firstMs: 0, ms: 0 }
  const base = `/v1/topics/orders/groups/${group}`
  let over = 0
  const startMs = performance.now()

  const post = async (call: string, body: object): Promise<unknown> => {
    const { status, json, text } = await client.call('POST', `${base}/${call}`, { body })
    if (status !== 200) throw new Error(`${call} answers ${status} ${text.slice(0, 300)}`)
    return json
  }

  const judge = ({ key, partition, offset, deliveryCount }: Delivered): Turn => {
    const name = `${partition}/${key}`
    const turn = turns.get(name) ?? { newest: -1, underWay: undefined }
    turns.set(name, turn)
    if (turn.underWay !== undefined && turn.underWay !== offset) result.overtaken++
    else if (deliveryCount === 1 && offset < turn.newest) result.overtaken++
    turn.newest = Math.max(turn.newest, offset)
    turn.underWay = offset
    return turn
  }

  const consume = async (): Promise<void> => {
    while (over < records) {
      const acquired = (await post('acquire', { max: batch, wait: '1s', lock: '60s' })) as { records: Delivered[] }
      if (acquired.records.length === 0) continue
      result.firstMs ||= performance.now() - startMs
      result.deliveries += acquired.records.length
      const acknowledgements = acquired.records.map((record) => {
        const turn = judge(record)
        const type = random.chance(failing / 100) ? 'release' : 'accept'
        // From when it is sent, the server may hand out the next one.
        if (type === 'accept' || record.deliveryCount > tiers) turn.underWay = undefined
        return { receipt: record.receipt, type }
      })
      const { results } = (await post('acknowledge', { acknowledgements })) as { results: { state: string }[] }
      for (const { state } of results) {
        if (state === 'invalid') throw new Error('a receipt is invalid')
        if (state === 'dead') result.dead++
        if (state !== 'retrying') over++
      }
    }
  }

  ready()
  await Promise.all(Array.from({ length: consumers }, consume))
  result.ms = performance.now() - startMs
  client.close()
  return result
}

await runLoad(load)

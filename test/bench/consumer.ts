// Consumers in a process of their own: each acquires up to 500 records and accepts them, until nothing comes. Prints how
// many records there were and how long it took.
//
//   node test/bench/consumer.ts PORT TOPIC GROUP CONSUMERS

import { HttpClient } from '../support/http-client.ts'

const [port, topic, group, consumers] = process.argv.slice(2)
const client = new HttpClient(Number(port), Number(consumers))
const base = `/v1/topics/${topic}/groups/${group}`
const BATCH = 500
let records = 0
let lastMs = 0

async function consume(): Promise<void> {
  for (;;) {
    const acquired = await client.call('POST', `${base}/acquire`, { body: { max: BATCH, wait: '1s', lock: '60s' } })
    if (acquired.status !== 200) throw new Error(`acquire answers ${acquired.status} ${acquired.text}`)
    const receipts = (acquired.json as { records: { receipt: string }[] }).records.map((record) => record.receipt)
    if (receipts.length === 0) return
    const acknowledgements = receipts.map((receipt) => ({ receipt, type: 'accept' }))
    const accepted = await client.call('POST', `${base}/acknowledge`, { body: { acknowledgements } })
    const states = (accepted.json as { results: { state: string }[] }).results
    const wrong = states.find(({ state }) => state !== 'acknowledged')
    if (wrong) throw new Error(`acknowledge answers ${JSON.stringify(wrong)}`)
    records += receipts.length
    lastMs = performance.now()
  }
}

const startMs = performance.now()
await Promise.all(Array.from({ length: Number(consumers) }, consume))
client.close()
console.log(JSON.stringify({ records, ms: lastMs - startMs }))

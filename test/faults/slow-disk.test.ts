// A disk that takes its time, at the seam: a sync lasts until the test lets it go. test/faults/README.md rows D19, P10.

import t from 'tap'
import { type Answer, startService } from '../service/running-service.ts'
import { slowDisk } from '../support/slow-disk.ts'

const KIB = 1024
const MIB = 1024 * KIB

t.test(
  'D19: while a sync lasts there is no success, memory is bounded, others are told when to come again',
  async (t) => {
    const { disk, slow } = slowDisk()
    const service = await startService(t, { WAITING_BYTES_MAX: 2 * MIB }, { disk })
    t.equal((await service.publish('orders', { value: 'first' })).status, 201)
    t.equal((await service.publish('later', { value: 'due meanwhile', delay: '50ms' })).status, 201)
    const metric = async (name: string) => {
      const { text } = await service.call('GET', '/metrics')
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
    }
    slow.hold()
    const answered: Answer[] = []
    const sent: Promise<unknown>[] = []
    const value = 'x'.repeat(100 * KIB)
    let refused: Answer | undefined
    for (let i = 0; i < 100 && refused === undefined; i++) {
      const answer = service.publish('orders', { value: `${i} ${value}` })
      sent.push(answer.then((given) => answered.push(given)))
      // Whoever asks after it has been seen: requests are taken in the order of their arrival, a refusal comes at once.
      await service.call('GET', '/healthz')
      refused = answered.find(({ status }) => status !== 201)
    }
    t.match(refused, { status: 503, headers: { 'retry-after': '1' }, json: { code: 'OVERLOADED', limit: 2 * MIB } })
    t.notOk(
      answered.some(({ status }) => status === 201),
      'nothing was answered with success',
    )
    t.ok((await metric('dwell_publish_waiting_bytes')) <= 2 * MIB, 'what waits is bounded')
    while ((await metric('dwell_wheel_tick_age_seconds')) < 0.3) await service.call('GET', '/healthz')
    t.pass('the wheel waits too, and shows it')
    t.equal((await service.call('GET', '/v1/topics/orders/partitions/0/records')).status, 200, 'reading goes on')

    slow.letGo()
    await Promise.all(sent)
    while ((await metric('dwell_dispatched_total')) < 1) await service.call('GET', '/healthz')
    t.ok((await metric('dwell_dispatch_lateness_seconds_sum')) > 0.2, 'lateness grew')
    const taken = answered.filter(({ status }) => status === 201).length
    t.ok(taken > 10, 'who was taken in has success')
    const counts = await Promise.all(
      [0, 1, 2, 3].map(async (partition) => {
        const { json } = await service.call('GET', `/v1/topics/orders/partitions/${partition}/records?limit=1000`)
        return json.records.length
      }),
    )
    t.equal(
      counts.reduce((sum, count) => sum + count),
      taken + 1,
      'and is there, and nobody else',
    )
    t.equal((await service.publish('orders', { value: 'after' })).status, 201)
  },
)

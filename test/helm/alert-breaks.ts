// For each alert: how what it watches is broken in a Dwell that is well.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FakedWallClock, withoutFaketime, withoutMounts } from '../faults/machine.ts'
import type { Patient } from './alert-patient.ts'

export interface Break {
  /** What is done, for who reads the outcome. */
  how: string
  /** Why it cannot be done here; undefined when it can. */
  without?: () => string | undefined
  /** Before the start. */
  prepare?: (patient: Patient) => void
  breaks: (patient: Patient) => Promise<void>
}

const MIB = 1024 * 1024
/** Two scrapes, so that what comes then is seen to come. */
const SETTLE_MS = 2_500
/** Longer than anybody looks. */
const FOR_EVER_MS = 120_000

const numbers = (count: number, delayOf: (i: number) => number = () => 0) => ({
  messages: Array.from({ length: count }, (_, value) => ({ value, delay: delayOf(value) })),
})

const withoutStrace = () =>
  spawnSync('strace', ['-V']).status === 0 ? undefined : 'strace is missing (Debian: strace), or may not be used'

/** 50 a second, which nobody can dispatch. */
async function hangWhileMessagesComeDue(patient: Patient): Promise<void> {
  await patient.call('POST', '/v1/topics/orders/messages', numbers(4_000, (i) => 3_000 + i * 20)) // biome-ignore format: one line
  patient.slowDisk(FOR_EVER_MS)
}

/** Patients with a wall clock of their own. */
const clocks = new WeakMap<Patient, FakedWallClock>()

export const BREAKS: Record<string, Break> = {
  DwellDown: {
    how: 'kill -9',
    breaks: (patient) => patient.kill(),
  },
  DwellNotReady: {
    how: 'the writes of its disk hang while messages come due (strace)',
    without: withoutStrace,
    breaks: hangWhileMessagesComeDue,
  },
  DwellRestartLoop: {
    how: 'kill -9 and started again, four times',
    async breaks(patient) {
      for (let i = 0; i < 4; i++) {
        await patient.kill()
        await patient.start()
        await sleep(SETTLE_MS)
      }
    },
  },
  DwellDispatchesLate: {
    how: 'SIGSTOP for 4 s while messages come due',
    async breaks(patient) {
      await patient.call('POST', '/v1/topics/orders/messages', numbers(100, () => 1_000)) // biome-ignore format: one line
      patient.signal('SIGSTOP')
      await sleep(4_000)
      patient.signal('SIGCONT')
    },
  },
  DwellTickStalled: {
    how: 'the writes of its disk hang while messages come due (strace)',
    without: withoutStrace,
    breaks: hangWhileMessagesComeDue,
  },
  DwellOverdueGrowing: {
    how: 'the writes of its disk hang while messages come due (strace)',
    without: withoutStrace,
    breaks: hangWhileMessagesComeDue,
  },
  DwellCanaryLost: {
    how: 'the group of the canary is paused',
    async breaks(patient) {
      await sleep(8_000)
      await patient.call('POST', '/v1/topics/dwell-canary/groups/canary/pause', { reason: 'for a test' })
    },
  },
  DwellDeadLettersRising: {
    how: '50 records are rejected',
    async breaks(patient) {
      const group = '/v1/topics/orders/groups/billing'
      await patient.call('POST', '/v1/topics/orders/messages', numbers(50))
      for (;;) {
        const { records } = (await patient.call('POST', `${group}/acquire`, { max: 50 })) as {
          records: { receipt: string }[]
        }
        if (records.length === 0) return
        const acknowledgements = records.map(({ receipt }) => ({ receipt, type: 'reject' }))
        await patient.call('POST', `${group}/acknowledge`, { acknowledgements })
      }
    },
  },
  DwellGroupLagGrowing: {
    how: '200 messages a second for a group that acquires none',
    async breaks(patient) {
      await patient.call('POST', '/v1/topics/orders/messages', numbers(900))
      await patient.call('PUT', '/v1/topics/orders/groups/billing', {})
      for (let i = 0; i < 8; i++) {
        await sleep(1_000)
        await patient.call('POST', '/v1/topics/orders/messages', numbers(200))
      }
    },
  },
  DwellEndpointPaused: {
    how: 'an endpoint answers 410',
    async breaks(patient) {
      const endpoint = createServer((request, response) =>
        request.resume().on('end', () => response.writeHead(410).end()),
      )
      await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve))
      endpoint.unref()
      const url = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/`
      await patient.call('POST', '/v1/topics/orders/messages', numbers(1))
      await patient.call('PUT', '/v1/topics/orders/groups/push', { push: { url } })
    },
  },
  DwellDiskLow: {
    how: 'somebody else fills its disk',
    without: withoutMounts,
    prepare(patient) {
      patient.withDisk(256)
      patient.settings.DWELL_DISK_LOW_BYTES = '32MiB'
    },
    async breaks(patient) {
      const { bavail, bsize } = statfsSync(patient.dataDirectory)
      writeFileSync(join(patient.dataDirectory, '..', 'full'), Buffer.alloc(bavail * bsize - 16 * MIB))
    },
  },
  DwellDiskFillsSoon: {
    how: '2 MB of messages a second on a disk of 128 MiB',
    without: withoutMounts,
    prepare(patient) {
      patient.withDisk(128)
      const few = { DWELL_DISK_LOW_BYTES: '1MiB', DWELL_JOURNAL_FILE_BYTES: '4MiB', DWELL_CHECKPOINT_INTERVAL: '1s' }
      Object.assign(patient.settings, few)
    },
    async breaks(patient) {
      for (let i = 0; i < 15; i++) {
        const messages = [1, 2, 3, 4].map(() => ({ value: 'x'.repeat(MIB / 2) }))
        await patient.call('POST', '/v1/topics/orders/messages', { messages })
        await sleep(1_000)
      }
    },
  },
  DwellJournalSlow: {
    how: 'each write of its disk takes 300 ms longer (strace)',
    without: withoutStrace,
    async breaks(patient) {
      patient.slowDisk(300)
      for (let i = 0; i < 10; i++) {
        await patient.call('POST', '/v1/topics/orders/messages', numbers(1))
        await sleep(500)
      }
    },
  },
  DwellDamageFound: {
    how: 'a bit of a segment flips, and somebody reads it',
    async breaks(patient) {
      await patient.call('POST', '/v1/topics/orders/messages', { value: 'x'.repeat(1_000), partition: 0 })
      await patient.stop()
      const topics = join(patient.dataDirectory, 'topics')
      const segments = readdirSync(topics, { recursive: true, encoding: 'utf8' }).map((name) => join(topics, name))
      for (const path of segments.filter((name) => /orders.*\.log$/.test(name))) {
        const bytes = readFileSync(path)
        if (bytes.length < 1_000) continue
        bytes[bytes.length - 100] ^= 1
        writeFileSync(path, bytes)
      }
      await patient.start()
      await sleep(SETTLE_MS)
      await patient.call('GET', '/v1/topics/orders/partitions/0/records')
    },
  },
  DwellClockNotFollowed: {
    how: 'its wall clock steps back by an hour (libfaketime)',
    without: withoutFaketime,
    prepare(patient) {
      const clock = new FakedWallClock(patient.folder)
      Object.assign(patient.settings, clock.environment)
      clocks.set(patient, clock)
    },
    breaks: async (patient) => clocks.get(patient)?.setAhead(-3_600_000),
  },
}

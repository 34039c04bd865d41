// What tokens and limits cost: the same publishes to a server that asks for nothing, and to one with a thousand tokens and every
// limit on, set so high that none is reached. Short bursts in turns, every other round backwards, and each compared with that of
// its own round: so what else the machine does, and a server that grows, meet all of them. A second server that asks for
// nothing shows by its own ratio what such a comparison is worth.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { holder, writeTokens } from '../support/token-holders.ts'
import { BenchServer } from './bench-server.ts'
import { type Measured, measure, valueOfSize } from './load.ts'
import { cpuMs } from './process-figures.ts'
import { printTable, quantile, type Row } from './table.ts'

const ROUNDS = 10
const KINDS = ['open', 'again', 'token', 'web'] as const
const TOKENS = 1_000
const MANY = '1000000'
const LIMITS = {
  DWELL_TOKEN_REQUESTS_PER_SECOND_MAX: MANY,
  DWELL_TOKEN_BYTES_PER_SECOND_MAX: '8GiB',
  DWELL_TOKEN_CONNECTIONS_MAX: MANY,
  DWELL_TOKEN_WAITING_MAX: MANY,
  DWELL_TOKEN_TOPICS_MAX: MANY,
  DWELL_TOKEN_PENDING_MAX: '1000000000',
  DWELL_TOKEN_PENDING_BYTES_MAX: '16384GiB',
  DWELL_TOPIC_PENDING_MAX: '1000000000',
  DWELL_TOPIC_PENDING_BYTES_MAX: '16384GiB',
  DWELL_ADDRESS_CONNECTIONS_MAX: '10000',
}

/** What the server had of the cores for a message tells more than the rate on a machine that does other things too. */
interface Run extends Measured {
  cpuUs: number
}

type Kind = (typeof KINDS)[number]
type Runs = Record<Kind, Run[]>

export async function frontDoor(seconds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dwell-bench-tokens-'))
  const open = await BenchServer.start()
  const again = await BenchServer.start()
  let guarded: BenchServer | undefined
  try {
    const holders = Array.from({ length: TOKENS }, (_, i) => holder(`shop-${i}`, ['publish'], ['orders', 'shop.*']))
    const web = await webToken(folder)
    const server = await BenchServer.start({
      ...LIMITS,
      ...web.settings,
      DWELL_TOKENS_FILE: writeTokens(folder, holders),
    })
    guarded = server
    const asked = {
      open: { server: open, headers: {} },
      again: { server: again, headers: {} },
      token: { server, headers: holders[TOKENS / 2].headers },
      web: { server, headers: { authorization: `Bearer ${web.token}` } },
    }
    const line = JSON.stringify({ value: valueOfSize(1024), delay: '1h' })
    const loads = [
      { messages: 1, connections: 64, contentType: 'application/json', body: line },
      { messages: 500, connections: 4, contentType: 'application/x-ndjson', body: `${line}\n`.repeat(500) },
    ]
    const rows: Row[] = []
    for (const { messages, ...load } of loads) {
      const runs: Runs = { open: [], again: [], token: [], web: [] }
      const run = async (kind: Kind, seconds: number): Promise<Run> => {
        const { server, headers } = asked[kind]
        const url = `http://127.0.0.1:${server.port}/v1/topics/orders/messages?results=none`
        const beforeMs = cpuMs(server.process.pid)
        const measured = await measure({ ...load, headers, url, seconds })
        const published = measured.requestsPerSecond * seconds * messages
        return { ...measured, cpuUs: ((cpuMs(server.process.pid) - beforeMs) * 1000) / published }
      }
      for (const kind of KINDS) await run(kind, 2)
      for (let i = 0; i < ROUNDS; i++)
        for (const kind of i % 2 === 0 ? KINDS : KINDS.toReversed()) runs[kind].push(await run(kind, seconds))
      rows.push(rowOf(messages, load.connections, runs))
    }
    printTable(
      'delayed publish with a token and all limits on, beside a server that asks for nothing',
      `value 1 KiB, acks=all, ${TOKENS} tokens, ${ROUNDS} rounds of bursts of ${seconds} s, every other one backwards; medians`,
      rows,
    )
  } finally {
    await open.stop()
    await again.stop()
    await guarded?.stop()
    rmSync(folder, { recursive: true })
  }
}

function rowOf(messages: number, connections: number, { open, again, token, web }: Runs): Row {
  const rate = (runs: Run[]) => median(runs.map(({ requestsPerSecond }) => requestsPerSecond * messages))
  const ratio = (runs: Run[]) =>
    median(runs.map(({ requestsPerSecond }, i) => requestsPerSecond / open[i].requestsPerSecond))
  const cpu = (runs: Run[]) => median(runs.map(({ cpuUs }) => cpuUs))
  return {
    'a request': messages,
    connections,
    'open msg/s': rate(open),
    'token msg/s': rate(token),
    'web msg/s': rate(web),
    'open again ratio': ratio(again),
    'token ratio': ratio(token),
    'web ratio': ratio(web),
    'open cpu µs': cpu(open),
    'again cpu µs': cpu(again),
    'token cpu µs': cpu(token),
    'web cpu µs': cpu(web),
    'open p99 ms': median(open.map(({ p99Ms }) => p99Ms)),
    'token p99 ms': median(token.map(({ p99Ms }) => p99Ms)),
  }
}

async function webToken(folder: string): Promise<{ token: string; settings: Record<string, string> }> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  const path = join(folder, 'keys.json')
  writeFileSync(path, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'bench', alg: 'RS256' }] }))
  const token = await new SignJWT({ scope: 'publish', dwell_topics: ['orders'] })
    .setProtectedHeader({ alg: 'RS256', kid: 'bench' })
    .setIssuer('bench')
    .setAudience('dwell')
    .setSubject('bench')
    .setExpirationTime('1h')
    .sign(privateKey)
  return { token, settings: { DWELL_JWT_KEYS: path, DWELL_JWT_ISSUER: 'bench', DWELL_JWT_AUDIENCE: 'dwell' } }
}

function median(values: number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  )
}

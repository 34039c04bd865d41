// `dwell listen TOPIC GROUP --forward URL`: forwards the messages of a group to a web service of the developer's, and
// acknowledges by its answers: what push does, without the service having to reach that machine.
//
// The request is that of push without its signature; answers mean what they mean there (docs/push.md), but
// that nothing is paused: an endpoint that is not there yet is tried again. By node:http as fetch refuses some ports, on which
// a developer's service may well listen.

import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { request as tlsRequest } from 'node:https'
import type { Command } from 'commander'
import { type Header, SystemClock } from '../../../storage/index.ts'
import { type AcquiredRecord, CallError, type Outcome, valueBytes } from '../../client/index.ts'
import { FORM_HEADER, ID_HEADER } from '../../publish/message.ts'
import { pushHeaders, type Sender } from '../../push/push-request.ts'
import { judge } from '../../push/verdict.ts'
import { countOf, durationOf, msOf } from './forms.ts'
import { addRemote, type Given, type Remote } from './remote.ts'
import { runConsumer } from './running.ts'

/** What is read of an answer: the reason of a failure is in its first bytes. */
const ANSWER_BYTES_MAX = 64 * 1024

/** Adds the command to `program`. */
export function addListen(program: Command, environment: NodeJS.ProcessEnv): void {
  addRemote(program, environment, {
    usage: 'listen <topic> <group>',
    description:
      'Forwards what a group gets to a web service, and acknowledges by its answers: 2xx accepts, Dwell-Acknowledge: reject ' +
      'rejects, Retry-After releases with that delay, anything else releases.',
    options: (command) =>
      command
        .requiredOption('--forward <url>', 'where each message is POSTed')
        .option('--concurrency <count>', 'requests at a time', countOf, '4')
        .option('--answer-within <duration>', 'how long one request may take', durationOf, '10s')
        .option('--max <count>', 'end after so many messages', countOf),
    examples: ['dwell listen orders hooks --forward http://127.0.0.1:8080/orders --max 1'],
    run: listen,
  })
}

async function listen(remote: Remote, args: string[], given: Given): Promise<number> {
  const { output, notes, json } = remote
  const [topic, group] = args
  const url = urlOf(given.forward as string)
  const timeoutMs = msOf(given.answerWithin as string)
  if (!json) await notes.line(`Forwarding ${topic} of ${group} to ${url}; Ctrl-C ends it.`)
  // It is part of what names a record to a web service.
  const { clusterId = '' } = await remote.client.ready({ signal: remote.signal })
  const sender = { group, clusterId, headers: { 'user-agent': 'dwell-listen' }, keys: [] }
  const handle = async (record: AcquiredRecord, { signal }: { signal: AbortSignal }): Promise<Outcome> => {
    const { outcome, said } = await forward(record, { url, sender, timeoutMs, signal })
    const { partition, offset, key } = record
    const line = { partition, offset, key, ...outcome, said }
    await output.line(json ? JSON.stringify(line) : `${partition}/${offset}  ${key ?? '-'}  ${outcome.type}  ${said}`)
    return outcome
  }
  const recordsMax = given.max === undefined ? undefined : Number(given.max)
  return runConsumer(remote, args, handle, { concurrency: Number(given.concurrency), recordsMax })
}

interface Forwarding {
  url: URL
  sender: Sender
  timeoutMs: number
  signal: AbortSignal
}

/** Sends one record; what its answer means, and what it said, in a line. */
async function forward(
  record: AcquiredRecord,
  { url, sender, timeoutMs, signal }: Forwarding,
): Promise<{ outcome: Outcome; said: string }> {
  const timeout = new AbortController()
  const timer = new SystemClock().setTimer(() => timeout.abort(), timeoutMs)
  const nowMs = new SystemClock().wallMs()
  const both = AbortSignal.any([timeout.signal, signal])
  try {
    const options = { method: 'POST', signal: both }
    const call = url.protocol === 'https:' ? tlsRequest(url, options) : request(url, options)
    const headers = headersOf(record, sender, nowMs)
    for (let i = 0; i < headers.length; i += 2) call.appendHeader(headers[i], headers[i + 1])
    call.end(valueBytes(record))
    const [answer] = (await once(call, 'response')) as [IncomingMessage]
    // What breaks from here on breaks the reading.
    call.on('error', () => {})
    const text = await beginningOf(answer)
    const status = answer.statusCode as number
    const acknowledge = answer.headers['dwell-acknowledge']?.toString()
    const retryAfter = answer.headers['retry-after']
    const verdict = judge({ kind: 'answer', answer: { status, text, retryAfter, acknowledge } }, nowMs)
    const said = `HTTP ${status}`
    if (verdict.outcome === 'accept') return { outcome: { type: 'accept' }, said }
    if (verdict.outcome === 'reject') return { outcome: { type: 'reject', reason: verdict.reason }, said }
    return { outcome: { type: 'release', delay: verdict.delayMs, reason: verdict.reason }, said: verdict.reason }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // Who tried several addresses has no message of his own.
    const why = timeout.signal.aborted ? 'No answer in time' : message || String(code)
    return { outcome: { type: 'release', reason: why }, said: why }
  } finally {
    timer.cancel()
  }
}

/** The rest of an answer is not read. */
async function beginningOf(answer: IncomingMessage): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of answer as AsyncIterable<Buffer>) {
    parts.push(part)
    size += part.length
    if (size >= ANSWER_BYTES_MAX) break
  }
  return Buffer.concat(parts).toString('utf8', 0, ANSWER_BYTES_MAX)
}

/** Those of a push of the same record, without the signature: name, value, name, value … */
function headersOf(record: AcquiredRecord, sender: Sender, nowMs: number): string[] {
  const { id, value, valueBase64 } = record
  const form = valueBase64 !== undefined ? 'base64' : typeof value === 'string' ? 'text' : 'json'
  const headers = Object.entries(record.headers).map(([name, text]) => headerOf(name, text))
  headers.push(headerOf(FORM_HEADER, form))
  if (id !== undefined) headers.push(headerOf(ID_HEADER, id))
  const place = { ...record, timestampMs: Date.parse(record.timestamp) }
  return pushHeaders(place, { key: keyOf(record), value: null, headers }, sender, nowMs)
}

function keyOf({ key, keyBase64 }: AcquiredRecord): Buffer | null {
  if (keyBase64 !== undefined) return Buffer.from(keyBase64, 'base64')
  return typeof key === 'string' ? Buffer.from(key) : null
}

/** A header that has no value is null. */
function headerOf(name: string, text: string | null): Header {
  return [name, text === null ? null : Buffer.from(text)]
}

function urlOf(text: string): URL {
  const url = URL.parse(text)
  if (url !== null && /^https?:$/.test(url.protocol)) return url
  throw new CallError({
    code: 'INVALID_ARGUMENT',
    sentence: `${JSON.stringify(text)} is no address: give http://host:port/path.`,
  })
}

// The image as it is to be run: read-only, as user 65532, without capabilities, without new privileges:
//
//   CONTAINER=podman node test/helm/image.ts [IMAGE]      without IMAGE it is built from the Dockerfile
//
// CONTAINER is docker, podman or a program that takes their words. It is healthy, takes a delayed message, survives a kill and a
// restart on its volume, delivers, and stops with 0 on SIGTERM. Ends with 0 and a reason where nothing runs containers, or the
// bases of the image cannot be had. test/faults/README.md row A32.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../support/dwell-process.ts'
import { findTool, ROOT } from './chart.ts'

const READY_WITHIN_MS = 30_000
const DELAY_MS = 4_000
const PULL_WITHIN_MS = 120_000
const MB = 1_000_000

const name = `dwell-image-${process.pid}`
const engine = process.env.CONTAINER ?? ['docker', 'podman'].find(works) ?? ''
const bases = [...readFileSync(join(ROOT, 'Dockerfile'), 'utf8').matchAll(/^FROM (\S+)/gm)].map(([, base]) => base)
const base = bases.at(-1) ?? ''

/** A client without an engine is of no use. */
function works(name: string): boolean {
  return findTool(name) !== undefined && spawnSync(name, ['info']).status === 0
}

function ask(args: readonly string[], timeout?: number) {
  return spawnSync(engine, args, { encoding: 'utf8', timeout, maxBuffer: 64 * MB })
}

function engineSays(...args: string[]): string {
  const { status, stdout, stderr } = ask(args)
  if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}

/** Why it cannot be tried here; undefined when it can. */
function obstacle(): string | undefined {
  if (engine === '') return 'it takes docker or podman'
  for (const base of bases) {
    if (ask(['image', 'inspect', base]).status === 0) continue
    const { status, stderr, error } = ask(['pull', base], PULL_WITHIN_MS)
    if (status !== 0) return `${base} cannot be had: ${lastLine(stderr) || error?.message}`
  }
  const { status, stderr } = ask(['run', '--rm', '--network', 'none', '--entrypoint', '/nodejs/bin/node', base, '-v'])
  return status === 0 ? undefined : `${engine} runs nothing here: ${lastLine(stderr)}`
}

function lastLine(text: string | null): string {
  return text?.trim().split('\n').at(-1) ?? ''
}

function build(): string {
  const isPodman = engineSays('--version').includes('podman')
  // Podman asks the registry for a newer one, else.
  engineSays('build', ...(isPodman ? ['--pull=never'] : []), '-t', name, ROOT)
  return name
}

function check(isTrue: boolean, sentence: string): void {
  if (!isTrue) throw new Error(`Not so: ${sentence}`)
  process.stdout.write(`ok - ${sentence}\n`)
}

async function ready(url: string): Promise<boolean> {
  const untilMs = performance.now() + READY_WITHIN_MS
  while (performance.now() < untilMs) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined)
    if (answer?.status === 200) return true
    await sleep(100)
  }
  return false
}

const INSIDE = `const { readFileSync, writeFileSync } = require('node:fs')
const of = (name) => new RegExp(name + ':\\\\s+(\\\\S+)').exec(readFileSync('/proc/1/status', 'latin1'))[1]
let written = 'written'
try { writeFileSync('/app/x', '') } catch (error) { written = error.code }
console.log(of('Uid'), of('CapEff'), of('CapBnd'), of('NoNewPrivs'), written)`

async function main(image: string): Promise<void> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const post = async (path: string, body: unknown) => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    return { status: response.status, json: (await response.json()) as { records?: { value: unknown }[] } }
  }
  const size = (of: string) => Math.round(Number(engineSays('image', 'inspect', '--format', '{{.Size}}', of)) / MB)
  process.stdout.write(`${image}: ${size(image)} MB, of which ${size(base)} are ${base}\n`)
  const user = engineSays('image', 'inspect', '--format', '{{.Config.User}}', image)
  check(/^[1-9]\d*(:\d+)?$/.test(user), `its user is a number that is not 0: ${user}`)
  const rights = ['--read-only', '--user', '65532:65532', '--cap-drop', 'all', '--security-opt', 'no-new-privileges']
  const place = ['-v', `${name}:/data`, '-p', `127.0.0.1:${port}:7200`]
  engineSays('run', '-d', '--name', name, ...rights, '-e', 'DWELL_OPEN_TO_ANYONE=true', ...place, image)
  check(await ready(url), 'it is ready')
  check(engineSays('logs', name).includes('Listening on http://0.0.0.0:7200;'), 'its log says where it listens')
  engineSays('exec', name, '/nodejs/bin/node', 'service/probe.ts', 'readyz')
  check(true, 'its own health check says so')
  const inside = engineSays('exec', name, '/nodejs/bin/node', '--eval', INSIDE)
  const none = '0000000000000000'
  check(inside === `65532 ${none} ${none} 1 EROFS`, `user, capabilities, no new privileges, read-only: ${inside}`)
  const dueMs = Date.now() + DELAY_MS
  const { status } = await post('/v1/topics/orders/messages', { value: 'later', delay: DELAY_MS })
  check(status === 201, 'it takes a delayed message')
  engineSays('kill', '-s', 'KILL', name)
  engineSays('start', name)
  check(await ready(url), 'it is ready again after it was killed')
  const { json } = await post('/v1/topics/orders/groups/g/acquire', { wait: '15s' })
  check(json.records?.[0]?.value === 'later' && Date.now() >= dueMs, 'the message is delivered when it is due')
  engineSays('stop', '-t', '20', name)
  const code = engineSays('inspect', '--format', '{{.State.ExitCode}}', name)
  check(code === '0', `it stops with 0 on SIGTERM: ${code}`)
}

const why = obstacle()
if (why !== undefined) {
  process.stdout.write(`Left out: ${why}.\n`)
} else {
  try {
    await main(process.argv[2] ?? build())
  } catch (error) {
    process.stdout.write(`not ok - ${(error as Error).message}\n`)
    process.exitCode = 1
  } finally {
    ask(['rm', '-f', name])
    ask(['volume', 'rm', name])
    ask(['rmi', name])
  }
}

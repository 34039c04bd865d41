// The image as it is to be run: read-only, as user 65532, without capabilities, without new privileges:
//
//   CONTAINER=podman node test/helm/image.ts IMAGE
//
// CONTAINER is docker, podman or a program that takes their words. It is healthy, takes a delayed message, survives a kill and a
// restart on its volume, delivers, and stops with 0 on SIGTERM. Ends with 0 and a reason where there is none of them.

import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../support/dwell-process.ts'
import { findTool } from './chart.ts'

const READY_WITHIN_MS = 30_000
const DELAY_MS = 4_000
const MB = 1_000_000

const [image] = process.argv.slice(2)
const engine = process.env.CONTAINER ?? ['docker', 'podman'].find((name) => findTool(name) !== undefined)
const name = `dwell-image-${process.pid}`

function engineSays(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(engine as string, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`)
  return stdout.trim()
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

async function main(): Promise<void> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const post = async (path: string, body: unknown) => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    return { status: response.status, json: (await response.json()) as { records?: { value: unknown }[] } }
  }
  const size = (of: string) => Math.round(Number(engineSays('image', 'inspect', '--format', '{{.Size}}', of)) / MB)
  process.stdout.write(`${image}: ${size(image)} MB\n`)
  const user = engineSays('image', 'inspect', '--format', '{{.Config.User}}', image)
  check(/^[1-9]\d*(:\d+)?$/.test(user), `its user is a number that is not 0: ${user}`)
  const rights = ['--read-only', '--user', '65532:65532', '--cap-drop', 'all', '--security-opt', 'no-new-privileges']
  engineSays(
    'run',
    '-d',
    '--name',
    name,
    ...rights,
    '-e',
    'DWELL_OPEN_TO_ANYONE=true',
    '-v',
    `${name}:/data`,
    '-p',
    `127.0.0.1:${port}:7200`,
    image,
  )
  check(await ready(url), 'it is ready')
  engineSays('exec', name, '/nodejs/bin/node', 'service/probe.ts', 'readyz')
  check(true, 'its own health check says so')
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

if (engine === undefined || image === undefined) {
  process.stdout.write('Left out: it takes docker or podman, and the name of an image.\n')
} else {
  try {
    await main()
  } catch (error) {
    process.stdout.write(`not ok - ${(error as Error).message}\n`)
    process.exitCode = 1
  } finally {
    spawnSync(engine, ['rm', '-f', name])
    spawnSync(engine, ['volume', 'rm', name])
  }
}

// The server of a peer: started, waited for until it takes connections, and killed.

import { spawn, spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../support/dwell-process.ts'
import { type PeerServer, Scratch } from './peer.ts'

const READY_WITHIN_MS = 10_000

/** Runs `program` with what `argumentsFor` says of port and folder. */
export async function startPeer(
  program: string,
  argumentsFor: (port: number, directory: string) => readonly string[],
): Promise<PeerServer> {
  const scratch = new Scratch()
  const port = await freePort()
  const child = spawn(program, argumentsFor(port, scratch.path), { stdio: 'ignore', cwd: scratch.path })
  const gone = new Promise((resolve) => child.once('close', resolve))
  const stop = async () => {
    child.kill('SIGKILL')
    await gone
    scratch.remove()
  }
  for (const startMs = performance.now(); !(await takesConnections(port)); await sleep(20)) {
    if (child.exitCode === null && performance.now() - startMs < READY_WITHIN_MS) continue
    await stop()
    throw new Error(`${program} did not start`)
  }
  return { pid: child.pid as number, port, stop }
}

/** Whether there is such a program. */
export function isInstalled(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

// bare-server.ts in a process of its own.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export interface BareProcess {
  port: number
  kill(): void
}

export async function startBare(): Promise<BareProcess> {
  const program = join(import.meta.dirname, 'bare-server.ts')
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = await once(child.stdout, 'data')
  return { port: Number(String(port).trim()), kill: () => child.kill('SIGKILL') }
}

// The command against a real server of its own, which a test reaches besides by HTTP.

import { join } from 'node:path'
import type { Test } from 'tap'
import { dwell } from '../../support/dwell-command.ts'
import { DwellProcess } from '../../support/dwell-process.ts'

/** Starts the server; it ends with the test. `json` answers what a command prints with --json, parsed. */
export async function commandRig(t: Test) {
  const directory = t.testdir()
  const server = await DwellProcess.start({ dataDirectory: join(directory, 'data'), logPath: join(directory, 'log') })
  t.teardown(() => server.kill())
  const environment = { DWELL_URL: `http://127.0.0.1:${server.port}` }
  const call = (...args: string[]) => dwell(args, { environment })
  const json = async (...args: string[]) => JSON.parse((await call(...args, '--json')).out)
  const publish = (topic: string, messages: object[]) =>
    server.client.call('POST', `/v1/topics/${topic}/messages`, { body: { messages } })
  return { server, call, json, publish }
}

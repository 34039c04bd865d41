// Completion as bash does it, with the script that `dwell completion bash` prints, and what all three shells ask for.

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { dwell, shell } from '../../support/dwell-command.ts'
import { DwellProcess } from '../../support/dwell-process.ts'

t.setTimeout(60_000)

const directory = t.testdir()
const server = await DwellProcess.start({ dataDirectory: join(directory, 'data'), logPath: join(directory, 'log') })
t.teardown(() => server.kill())
const environment = { DWELL_URL: `http://127.0.0.1:${server.port}`, XDG_CONFIG_HOME: directory }
await server.client.call('PUT', '/v1/topics/orders', { body: {} })
await server.client.call('PUT', '/v1/topics/orders/groups/billing', { body: {} })

/** What bash offers behind these words, all in one shell. */
async function offered(t: Test, lines: readonly string[][]): Promise<string[][]> {
  const asked = lines.map((words) => {
    const typed = ['dwell', ...words].map((word) => `'${word}'`).join(' ')
    return `COMP_WORDS=(${typed}); COMP_CWORD=${words.length}; COMPREPLY=(); _dwell; echo "\${COMPREPLY[*]}"`
  })
  const { code, out, error } = await shell(`source <(dwell completion bash)\n${asked.join('\n')}`, { environment })
  t.match({ code, error }, { code: 0, error: '' })
  return out.trimEnd().split('\n').map((line) => line.split(' ')) // biome-ignore format: short
}

t.test('bash completes commands, options, topics and groups', async (t) => {
  const [commands, inner, options, topics, groups] = await offered(t, [
    ['de'],
    ['groups', 'de'],
    ['publish', 'orders', '--d'],
    ['consume', ''],
    ['groups', 'describe', '--timeout', '5s', 'orders', 'b'],
  ])
  t.same(commands, ['dead-letters', 'delayed'])
  t.same(inner, ['delete', 'describe'])
  t.same(options, ['--delay'])
  t.same(topics, ['orders'])
  t.same(groups, ['billing'])
})

t.test('candidates come with what they are', async (t) => {
  const { out } = await dwell(['__complete', '--', 'topics', ''], { environment })
  t.match(out.split('\n'), [/^delete\tDeletes a topic/, /^get\tDescribes a topic/, /^list\t/, /^put\t/, /^read\t/])
  const nobody = { ...environment, DWELL_URL: 'http://127.0.0.1:1' }
  t.same(await dwell(['__complete', '--', 'consume', ''], { environment: nobody }), { code: 0, out: '', error: '' })
})

t.test('other shells', async (t) => {
  t.match(await dwell(['completion', 'zsh']), { code: 0, out: /^#compdef dwell\n/ })
  t.match(await dwell(['completion', 'fish']), { code: 0, out: /^complete -c dwell /m })
  t.match(await dwell(['completion', 'tcsh']), { code: 2, error: /^There is no completion for "tcsh"/ })
})

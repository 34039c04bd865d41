// `dwell completion bash|zsh|fish`: a script for the shell, to be sourced. The scripts hold no words of their own: they ask
// `dwell __complete`, which answers out of the commands as they are, one candidate a line, with its description behind a tab.

import type { Argument, Command } from 'commander'
import { CallError, DwellClient } from '../../client/index.ts'
import { addFileCommand } from '../command.ts'
import { Output } from '../output.ts'
import { answer } from '../terminal.ts'
import { connectionOf } from './connection.ts'
import { contextsPath, readContexts } from './contexts.ts'

const SCRIPTS: Record<string, string> = {
  bash: `_dwell() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(dwell __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _dwell dwell`,
  zsh: `#compdef dwell
_dwell() {
  local -a found
  found=("\${(@f)$(dwell __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null | sed 's/:/\\\\:/g; s/\\t/:/')}")
  [[ -n "$found" ]] && _describe dwell found || _files
}
compdef _dwell dwell`,
  fish: `function __dwell_complete
  dwell __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null
end
complete -c dwell -a '(__dwell_complete)'`,
}
const TOPICS_WITHIN = '1s'

/** Adds the commands to `program`, behind all others. */
export function addCompletion(program: Command, environment: NodeJS.ProcessEnv): void {
  addFileCommand(program, {
    usage: 'completion <shell>',
    description: 'Prints the completion for bash, zsh or fish, to be sourced.',
    examples: ['dwell completion bash', 'source <(dwell completion bash)', 'dwell completion fish > dwell.fish'],
    run: (terminal, [shell]) => {
      if (Object.hasOwn(SCRIPTS, shell)) return answer(terminal, { shell, script: SCRIPTS[shell] }, SCRIPTS[shell])
      const sentence = `There is no completion for ${JSON.stringify(shell)}; there is for bash, zsh, fish.`
      throw new CallError({ code: 'INVALID_ARGUMENT', sentence })
    },
  })
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => {
      await new Output(process.stdout).lines(await candidates(program, words, environment))
    })
}

/** What the last of `words` may become; the words before it are whole. */
async function candidates(
  program: Command,
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<string[]> {
  const begun = words.at(-1) ?? ''
  let command = program
  const operands: string[] = []
  for (let i = 0; i < words.length - 1; i++) {
    const word = words[i]
    if (word.startsWith('-')) {
      const option = command.options.find(({ long, short }) => long === word || short === word)
      // Its value is a word of its own.
      if (option?.required && i + 1 < words.length - 1) i++
      else if (option?.required)
        return option.long === '--context' ? matching(await contextNames(environment), begun) : []
      continue
    }
    const next = operands.length === 0 ? command.commands.find((one) => one.name() === word) : undefined
    if (next === undefined) operands.push(word)
    else command = next
  }
  if (begun.startsWith('-'))
    return matching(
      command.options.map(({ long, description }) => `${long}\t${description}`),
      begun,
    )
  if (command.commands.length > 0 && operands.length === 0) {
    const shown = command.commands.filter((one) => !one.name().startsWith('__'))
    return matching(
      shown.map((one) => `${one.name()}\t${one.description()}`),
      begun,
    )
  }
  return matching(await argumentsFor(command, operands, environment), begun)
}

async function argumentsFor(
  command: Command,
  operands: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<string[]> {
  const wanted: Argument | undefined = command.registeredArguments[operands.length]
  const [topic] = operands
  const isOfContext = command.parent?.name() === 'context'
  if (isOfContext) return wanted?.name() === 'name' ? contextNames(environment) : []
  if (command.name() === 'completion') return operands.length === 0 ? Object.keys(SCRIPTS) : []
  if (wanted?.name() === 'topic')
    return fromService(environment, async (client) => (await client.topics.list()).map(({ topic }) => topic))
  if (wanted?.name() === 'group')
    return fromService(environment, async (client) => (await client.topics.groups(topic)).map(({ group }) => group))
  return []
}

async function contextNames(environment: NodeJS.ProcessEnv): Promise<string[]> {
  const { contexts } = await readContexts(contextsPath(environment)).catch(() => ({ contexts: {} }))
  return Object.keys(contexts)
}

/** Nobody waits for long at a prompt: what does not come at once is left out. */
async function fromService(
  environment: NodeJS.ProcessEnv,
  ask: (client: DwellClient) => Promise<string[]>,
): Promise<string[]> {
  let client: DwellClient | undefined
  try {
    client = new DwellClient(await connectionOf({ timeout: TOPICS_WITHIN }, environment))
    return await ask(client)
  } catch {
    return []
  } finally {
    client?.close()
  }
}

function matching(candidates: readonly string[], begun: string): string[] {
  return candidates.filter((candidate) => candidate.startsWith(begun)).sort()
}

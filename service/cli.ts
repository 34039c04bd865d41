// The command line: `dwell serve`, with a flag for each setting.

import { Command, Option } from 'commander'
import { DwellError, SystemClock, SystemDisk, SystemRandom } from '../storage/index.ts'
import { Broker } from './broker.ts'
import { defaultOf, environmentName, flagName, rangeOf, readSettings } from './config.ts'
import { makeLog, type ServiceLog } from './logging.ts'
import { SETTINGS, type SettingRow, type Settings } from './settings.ts'

/** Runs the command line. What cannot go on sets the exit code and says why. */
export async function run(argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  const program = new Command('dwell').description('A delay, retry and dead-letter queue service.')
  const serve = program.command('serve').description('Runs the service until it is told to stop (SIGTERM, SIGINT).')
  for (const [name, row] of Object.entries<SettingRow>(SETTINGS)) {
    const sentence = `${row.sentence} ${environmentName(name)}; ${rangeOf(row)}; default ${defaultOf(row) || 'empty'}.`
    serve.addOption(new Option(`${flagName(name)} <value>`, sentence))
  }
  serve.action(async (options: Record<string, string>) => {
    const flags = Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, options[camelCase(name)]]))
    let settings: Settings
    try {
      settings = readSettings(environment, flags)
    } catch (error) {
      if (!(error instanceof DwellError)) throw error
      process.stderr.write(`${error.message}\n`)
      process.exitCode = 1
      return
    }
    await serveUntilStopped(settings)
  })
  await program.parseAsync(argv as string[])
}

async function serveUntilStopped(settings: Settings): Promise<void> {
  const log = makeLog(settings.LOG_LEVEL)
  const die = (error: unknown) => end(log, error)
  process.on('uncaughtException', die)
  process.on('unhandledRejection', die)
  let broker: Broker
  const starting = Broker.start({
    settings,
    disk: new SystemDisk(),
    clock: new SystemClock(),
    random: new SystemRandom(),
    log,
    onFailure: die,
  })
  let stopping = false
  const stop = (signal: string) => {
    // Whoever asks twice wants it at once: what was acknowledged is safe as after kill -9.
    if (stopping) process.exit(1)
    stopping = true
    log.info({ signal }, 'Told to stop.')
    starting.then(() => broker.stop()).then(() => process.exit(0), die)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  try {
    broker = await starting
  } catch (error) {
    end(log, error)
  }
}

/** Says once what is the matter, and ends: nothing may be answered with success any more. */
function end(log: ServiceLog, error: unknown): never {
  if (error instanceof DwellError)
    log.fatal({ code: error.code, ...error.fields, cause: causeOf(error) }, error.message)
  else log.fatal({ error: error instanceof Error ? error.stack : String(error) }, 'The service failed and ends.')
  process.exit(1)
}

function causeOf({ cause }: DwellError): string | undefined {
  return cause instanceof Error ? cause.message : undefined
}

/** As commander names the flag of a setting. */
function camelCase(name: string): string {
  return name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
}

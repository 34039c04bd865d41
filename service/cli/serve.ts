// `dwell serve`: runs the service, with a flag for each setting.

import { once } from 'node:events'
import { type Command, Option } from 'commander'
import { DwellError, SystemClock, SystemDisk, SystemRandom } from '../../storage/index.ts'
import { defaultOf, environmentName, flagName, rangeOf, readSettings } from '../config.ts'
import { isForRepair } from '../errors.ts'
import { makeLog, type ServiceLog } from '../logging.ts'
import { SETTINGS, type SettingRow, type Settings } from '../settings.ts'
import { addExamples } from './examples.ts'

/** Adds the command to `program`. */
export function addServe(program: Command, environment: NodeJS.ProcessEnv): void {
  const serve = program.command('serve').description('Runs the service until it is told to stop (SIGTERM, SIGINT).')
  for (const [name, row] of Object.entries<SettingRow>(SETTINGS)) {
    const sentence = `${row.sentence} ${environmentName(name)}; ${rangeOf(row)}; default ${defaultOf(row) || 'empty'}.`
    // `--test-clock` alone says true.
    const value = row.kind === 'boolean' ? '[value]' : '<value>'
    serve.addOption(new Option(`${flagName(name)} ${value}`, sentence))
  }
  addExamples(
    serve,
    ['dwell serve --data-dir ./data', 'DWELL_LOG_LEVEL=warn dwell serve --port 7201 --data-dir ./more'],
    'Exit codes: 0 stopped in order; 1 it could not start, or failed: the last line says why; 2 called wrongly.',
  )
  serve.action(async (options: Record<string, string | true>) => {
    const flags = Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, options[camelCase(name)]?.toString()]))
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
}

async function serveUntilStopped(settings: Settings): Promise<void> {
  const log = makeLog(settings.LOG_LEVEL)
  const die = (error: unknown) => end(log, error, settings.DATA_DIR)
  process.on('uncaughtException', die)
  process.on('unhandledRejection', die)
  const told = new AbortController()
  const stop = (signal: string) => {
    // Whoever asks twice wants it at once: what was acknowledged is safe as after kill -9.
    if (told.signal.aborted) process.exit(1)
    log.info({ signal }, 'Told to stop.')
    told.abort()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  // The other commands do without the service, and begin sooner for it.
  const { Broker } = await import('../broker.ts')
  const { watchProcess } = await import('../metrics/process.ts')
  try {
    const broker = await Broker.start({
      settings,
      disk: new SystemDisk(),
      clock: new SystemClock(),
      random: new SystemRandom(),
      log,
      process: watchProcess(),
      unwanted: told.signal,
      onFailure: die,
    })
    if (!told.signal.aborted) await once(told.signal, 'abort')
    await broker.stop()
  } catch (error) {
    const isUnwanted = told.signal.aborted && error instanceof DwellError && error.code === 'ENGINE_CLOSED'
    if (!isUnwanted) die(error)
    log.info({}, 'Stopped before it was ready.')
  }
  process.exit(0)
}

/** Says once what is the matter, and ends: nothing may be answered with success any more. */
function end(log: ServiceLog, error: unknown, directory: string): never {
  if (error instanceof DwellError) {
    const remedy = isForRepair(error.code)
      ? ` To see all that is damaged run \`dwell verify ${directory}\`; to go on without it, \`dwell repair ${directory}\`.`
      : ''
    log.fatal({ code: error.code, ...error.fields, cause: causeOf(error) }, error.message + remedy)
  } else if (isOfDisk(error)) log.fatal({ code: error.code, path: error.path }, `The disk failed: ${error.message}`)
  else log.fatal({ error: error instanceof Error ? error.stack : String(error) }, 'The service failed and ends.')
  process.exit(1)
}

/** An error of the disk seam, which Node made, names its call and its file. */
function isOfDisk(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'path' in error
}

function causeOf({ cause }: DwellError): string | undefined {
  return cause instanceof Error ? cause.message : undefined
}

/** As commander names the flag of a setting. */
function camelCase(name: string): string {
  return name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
}

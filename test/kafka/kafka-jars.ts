// Kafka's jars, out of Maven's repository: resolved once for each pom.xml, and kept as a class path in the user's cache.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

const POM = join(import.meta.dirname, 'pom.xml')
const BUILD_CLASSPATH = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath'
const RESOLVE_TIMEOUT_MS = 100_000

/** The class path; where there is no Java or no Maven, or the jars cannot be had, why not. */
export function kafkaClassPath(): { classPath: string } | { reason: string } {
  if (!runs('java', '-version')) return { reason: 'there is no java here' }
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'dwell-kafka')
  const name = createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 16)
  const path = join(cache, `dump-classpath-${name}`)
  if (!isWhole(path)) {
    if (!runs('mvn', '--version')) return { reason: 'there is no mvn here' }
    mkdirSync(cache, { recursive: true })
    const made = `${path}.${process.pid}`
    const args = ['-q', '-B', '-f', POM, BUILD_CLASSPATH, `-Dmdep.outputFile=${made}`]
    try {
      execFileSync('mvn', args, { stdio: 'ignore', timeout: RESOLVE_TIMEOUT_MS })
      renameSync(made, path)
    } catch {
      return { reason: 'Maven cannot fetch Kafka' }
    }
  }
  return { classPath: readFileSync(path, 'utf8').trim() }
}

function isWhole(path: string): boolean {
  return (
    existsSync(path) &&
    readFileSync(path, 'utf8')
      .trim()
      .split(delimiter)
      .every((jar) => existsSync(jar))
  )
}

function runs(program: string, argument: string): boolean {
  try {
    execFileSync(program, [argument], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

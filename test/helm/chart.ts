// The chart, rendered: which programs there are for it, the values that are rendered in the tests, and where the renders are
// kept.

import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..', '..')
export const CHART = join(ROOT, 'helm', 'dwell')
export const GOLDEN = join(import.meta.dirname, 'golden')
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'dwell-helm')
/** Of kubeconform: how a schema's file is called. */
export const SCHEMAS = join(CACHE, 'schemas', '{{.ResourceKind}}{{.KindSuffix}}.json')

/** Rendered and compared; by name, with the file of values beside the chart's own. */
export const RENDERS: Record<string, string | undefined> = {
  default: undefined,
  minimal: join(import.meta.dirname, 'values-minimal.yaml'),
  full: join(import.meta.dirname, 'values-full.yaml'),
  access: join(import.meta.dirname, 'values-access.yaml'),
  sidecar: join(CHART, 'values-sidecar.yaml'),
}

/** Where the program is: on the PATH, or where test/helm/tools put it. */
export function findTool(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), join(CACHE, 'bin')]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** `{ skip }` for a test that needs all of these programs; they are brought by test/helm/tools. */
export function needs(...names: string[]): { skip: string | false } {
  const missing = names.filter((name) => findTool(name) === undefined)
  return { skip: missing.length > 0 && `without ${missing.join(', ')}: test/helm/tools brings it` }
}

/** The same for a test with kubeconform, which needs schemas as well. */
export function needsSchemas(): { skip: string | false } {
  if (existsSync(join(CACHE, 'schemas', 'statefulset-apps-v1.json'))) return needs('helm', 'kubeconform')
  return { skip: 'without schemas of Kubernetes: test/helm/tools makes them' }
}

export interface Ran {
  status: number | null
  stdout: string
  stderr: string
}

/** Runs a program that there is, with this input. */
export function run(name: string, args: readonly string[], input = ''): Ran {
  return spawnSync(findTool(name) ?? name, args, { encoding: 'utf8', input, maxBuffer: 64 << 20 })
}

/** The render without the bytes of the dashboards, which are files beside it, and without empty lines: helm 3 has fewer of them. */
export function golden(yaml: string): string {
  return yaml.replace(/^( {2}dwell-\w+\.json: \|\n)(?: {4}.*\n)+/gm, '$1    …\n').replace(/^ *\n/gm, '')
}

/** The objects of the chart with these values, as a cluster with the Prometheus Operator gets them. */
export function render(values: string | undefined, ...more: string[]): Ran {
  const file = values === undefined ? [] : ['--values', values]
  const args = ['template', 'queue', CHART, '--namespace', 'queues', '--api-versions', 'monitoring.coreos.com/v1']
  return run('helm', [...args, ...file, ...more])
}

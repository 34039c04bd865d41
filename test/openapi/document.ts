// The document of the interface: as a real server serves it, as it is frozen in frozen.json, and as the last release had it in
// released.json. It depends on a few settings, which are the limits that it states: all at their defaults, with the test clock.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Broker } from '../../service/broker.ts'
import { defaultSettings } from '../../service/config.ts'
import { SILENT, SystemClock, SystemDisk, SystemRandom } from '../../storage/index.ts'

// biome-ignore lint/suspicious/noExplicitAny: what is read of it is what is tested
export type Schema = Record<string, any>

export interface Operation {
  operationId: string
  summary: string
  description: string
  tags: string[]
  parameters?: {
    name: string
    in: string
    required?: boolean
    description?: string
    example?: unknown
    schema: Schema
  }[]
  requestBody?: { required: boolean; content: Record<string, Media> }
  responses: Record<string, Response>
  security?: object[]
  'x-rights'?: string[]
}

export interface Media {
  schema: Schema
  example?: unknown
  examples?: Record<string, { value: unknown }>
}

export interface Response {
  description: string
  headers?: Record<string, Schema>
  content?: Record<string, Media>
}

export interface OpenApi {
  info: { version: string }
  tags: { name: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; [kind: string]: Record<string, Schema> }
}

export const FROZEN = join(import.meta.dirname, 'frozen.json')
export const RELEASED = join(import.meta.dirname, 'released.json')

export function readDocument(path: string): OpenApi {
  return JSON.parse(readFileSync(path, 'utf8'))
}

export async function servedDocument(): Promise<OpenApi> {
  const directory = mkdtempSync(join(tmpdir(), 'dwell-openapi-'))
  const settings = { ...defaultSettings(), PORT: 0, DATA_DIR: directory, TEST_CLOCK: true }
  try {
    const broker = await Broker.start({
      settings: { ...settings, JOURNAL_FILE_BYTES: 32 * 1024 * 1024, DISK_RESERVE_BYTES: 1024 * 1024 },
      disk: new SystemDisk(),
      clock: new SystemClock(),
      random: new SystemRandom(),
      log: SILENT,
      onFailure: (error) => {
        throw error
      },
    })
    const answer = await fetch(`${broker.address}/openapi.json`)
    const document = (await answer.json()) as OpenApi
    await broker.stop()
    return document
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** As frozen.json has it. */
export function documentText(document: OpenApi): string {
  return `${JSON.stringify(document, null, 2)}\n`
}

export interface Route {
  /** `GET /v1/topics/{topic}` */
  name: string
  method: string
  path: string
  operation: Operation
}

export function routesOf({ paths }: OpenApi): Route[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => {
      return { name: `${method.toUpperCase()} ${path}`, method: method.toUpperCase(), path, operation }
    }),
  )
}

/** What a reference leads to; anything else as it is. */
export function resolved<T extends object>(document: OpenApi, part: T): T {
  const { $ref } = part as { $ref?: string }
  if ($ref === undefined) return part
  const [, , kind, name] = $ref.split('/')
  const { $ref: _, ...beside } = part as Schema
  return { ...document.components[kind][name], ...beside } as T
}

export function examplesOf({ example, examples = {} }: Media, document?: OpenApi): unknown[] {
  if (example !== undefined) return [example]
  return Object.values(examples).map((given) => (document === undefined ? given : resolved(document, given)).value)
}

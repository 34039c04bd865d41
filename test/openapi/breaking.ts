// What a change of the interface breaks for clients that were written against the document before; and what shows that it is
// meant: a version that says so, and a line in the CHANGELOG for each route.

import { SchemaBreaks } from './breaking-schemas.ts'
import { type OpenApi, type Operation, type Response, resolved, routesOf, type Schema } from './document.ts'

export interface Break {
  /** `GET /v1/topics/{topic}` */
  route: string
  what: string
}

export function breaksOf(before: OpenApi, after: OpenApi): Break[] {
  return routesOf(before).flatMap(({ name: route, method, path, operation }) => {
    const now = after.paths[path]?.[method.toLowerCase()]
    const sentences = now === undefined ? ['is gone'] : ofOperation(before, after, operation, now)
    return [...new Set(sentences)].map((what) => ({ route, what }))
  })
}

/**
 * What is missing to break on purpose, as sentences; none when nothing breaks, or when all that does is announced.
 * @param version the one of package.json
 * @param changelog the text of CHANGELOG.md
 */
export function unannounced(breaks: readonly Break[], released: string, version: string, changelog: string): string[] {
  if (breaks.length === 0) return []
  const missing: string[] = []
  if (!isBreakingStep(released, version)) {
    const sentence = `The version in package.json is ${version}: ${released} was released, so ${nextBreaking(released)} is the next that may break.`
    missing.push(sentence)
  }
  const section = changelog.split(/^## /m).find((text) => text.startsWith(version)) ?? ''
  for (const route of new Set(breaks.map(({ route }) => route))) {
    const line = `- Breaking: \`${route}\``
    if (!section.includes(line)) missing.push(`CHANGELOG.md has no line "${line} …" under "## ${version}".`)
  }
  return missing
}

function isBreakingStep(released: string, version: string): boolean {
  const [oldMajor, oldMinor] = released.split('.').map(Number)
  const [major, minor] = version.split('.').map(Number)
  // Before 1.0.0 the middle number is the one that tells.
  return major > oldMajor || (oldMajor === 0 && major === 0 && minor > oldMinor)
}

function nextBreaking(released: string): string {
  const [major, minor] = released.split('.').map(Number)
  return major === 0 ? `0.${minor + 1}.0` : `${major + 1}.0.0`
}

function ofOperation(before: OpenApi, after: OpenApi, old: Operation, now: Operation): string[] {
  const requests = new SchemaBreaks(before, after, 'request')
  const answers = new SchemaBreaks(before, after, 'answer')
  return [
    ...(old.operationId === now.operationId ? [] : [`its operationId was ${old.operationId}`]),
    ...ofRights(old['x-rights'] ?? [], now['x-rights'] ?? []),
    ...ofParameters(requests, old, now),
    ...ofBody(requests, old, now),
    ...ofAnswers(before, after, answers, old, now),
    ...ofCodes(codesOf(before, old), codesOf(after, now)),
  ]
}

function ofRights(old: string[], now: string[]): string[] {
  if (old.length === 0 && now.length > 0) return ['asks for a token now']
  return now.length === 0
    ? []
    : old.filter((right) => !now.includes(right)).map((right) => `${right} is not enough now`)
}

function ofParameters(requests: SchemaBreaks, old: Operation, now: Operation): string[] {
  const key = (parameter: { in: string; name: string }) => `${parameter.in} ${parameter.name}`
  const before = new Map((old.parameters ?? []).map((parameter) => [key(parameter), parameter]))
  const after = new Map((now.parameters ?? []).map((parameter) => [key(parameter), parameter]))
  const breaks = [...before.keys()].filter((name) => !after.has(name)).map((name) => `${name}: is gone`)
  for (const [name, parameter] of after) {
    const known = before.get(name)
    if (parameter.required === true && known?.required !== true) breaks.push(`${name}: must be given now`)
    if (known !== undefined) breaks.push(...requests.of(known.schema, parameter.schema, name))
  }
  return breaks
}

function ofBody(requests: SchemaBreaks, { requestBody: old }: Operation, { requestBody: now }: Operation): string[] {
  if (now === undefined) return old === undefined ? [] : ['takes no body any more']
  const breaks = now.required && old?.required !== true ? ['a body must be given now'] : []
  for (const [type, { schema }] of Object.entries(old?.content ?? {})) {
    const media = now.content[type]
    breaks.push(...(media === undefined ? [`takes no ${type} any more`] : requests.of(schema, media.schema, 'body')))
  }
  return breaks
}

function ofAnswers(before: OpenApi, after: OpenApi, answers: SchemaBreaks, old: Operation, now: Operation): string[] {
  return successes(before, old).flatMap(([status, answer]) => {
    if (now.responses[status] === undefined) return [`does not answer ${status} any more`]
    const { content = {}, headers = {} } = resolved<Response>(after, now.responses[status])
    const gone = Object.keys(answer.headers ?? {}).filter((name) => !(name in headers))
    const ofTypes = Object.entries(answer.content ?? {}).flatMap(([type, { schema }]) => {
      const media = content[type]
      return media === undefined ? [`${status}: answers no ${type} any more`] : answers.of(schema, media.schema, status)
    })
    return [...gone.map((name) => `${status}: the header ${name} is gone`), ...ofTypes]
  })
}

function ofCodes(old: Map<string, string>, now: Map<string, string>): string[] {
  return [...old].flatMap(([code, status]) => {
    const after = now.get(code)
    if (after === undefined) return [`the code ${code} is gone`]
    return after === status ? [] : [`the code ${code} came with ${status}, comes with ${after}`]
  })
}

function successes(document: OpenApi, { responses }: Operation): [status: string, answer: Response][] {
  const all = Object.entries(responses).map(([status, answer]) => [status, resolved(document, answer)] as const)
  return all.filter(([status]) => Number(status) < 400).map(([status, answer]) => [status, answer])
}

/** The codes that an operation may refuse with, and the status of each. */
export function codesOf(document: OpenApi, { responses }: Operation): Map<string, string> {
  const codes = new Map<string, string>()
  for (const [status, answer] of Object.entries(responses)) {
    const { schema } = resolved(document, answer).content?.['application/problem+json'] ?? {}
    const listed = (schema?.allOf ?? []).flatMap((part: Schema) => part.properties?.code?.enum ?? [])
    for (const code of listed) codes.set(code, status)
  }
  return codes
}

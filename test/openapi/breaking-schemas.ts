// What a change of a schema breaks for a client that was written against the one before.
//
// A request must still be taken: no new demand, no narrower limit, no word or type less. An answer must still be understood:
// nothing that was there is gone or may be missing, no type more. New fields in answers break nothing, nor do new words
// of a list: the document says that a client passes over what it does not know.

import { type OpenApi, resolved, type Schema } from './document.ts'

export type Way = 'request' | 'answer'

const LOWER = ['minimum', 'minLength', 'minItems', 'minProperties']
const UPPER = ['maximum', 'maxLength', 'maxItems', 'maxProperties']
/** Of a request: any change but to go away may refuse what was taken. */
const CONDITIONS = ['pattern', 'format', 'multipleOf', 'propertyNames', 'not']
const ANY_TYPE = ['null', 'boolean', 'number', 'string', 'array', 'object']

export class SchemaBreaks {
  readonly #before: OpenApi
  readonly #after: OpenApi
  readonly #way: Way

  constructor(before: OpenApi, after: OpenApi, way: Way) {
    this.#before = before
    this.#after = after
    this.#way = way
  }

  /** What breaks from `before` to `after`, each as a sentence that begins with `at`, where it is. */
  of(before: Schema, after: Schema, at: string): string[] {
    const [old, now] = [whole(this.#before, before), whole(this.#after, after)]
    if (isChoice(old) || isChoice(now)) return this.#ofChoices(choicesOf(old), choicesOf(now), at)
    return [
      ...this.#ofTypes(old, now, at),
      ...this.#ofWords(old, now, at),
      ...(this.#way === 'request' ? ofLimits(old, now, at) : []),
      ...this.#ofProperties(old, now, at),
      ...(old.items !== undefined && now.items !== undefined ? this.of(old.items, now.items, `${at}[]`) : []),
    ]
  }

  /** What one side offers, the other must have: a request's old choices among the new, an answer's new ones among the old. */
  #ofChoices(old: Schema[], now: Schema[], at: string): string[] {
    const isRequest = this.#way === 'request'
    const [asked, offered] = isRequest ? [old, now] : [now, old]
    const breaks = (one: Schema, other: Schema) => (isRequest ? this.of(one, other, at) : this.of(other, one, at))
    return asked.flatMap((one, i) => {
      if (offered.some((other) => breaks(one, other).length === 0)) return []
      if (asked.length === offered.length) return breaks(one, offered[i])
      return [`${at}: ${isRequest ? 'no longer takes' : 'may now be'} ${JSON.stringify(one).slice(0, 100)}`]
    })
  }

  #ofTypes(old: Schema, now: Schema, at: string): string[] {
    const [asked, offered] = this.#way === 'request' ? [old, now] : [now, old]
    const allowed = typesOf(offered)
    const lost = typesOf(asked).filter(
      (type) => !allowed.includes(type) && !(type === 'integer' && allowed.includes('number')),
    )
    return lost.length === 0 ? [] : [`${at}: was ${typesOf(old).join(' or ')}, is ${typesOf(now).join(' or ')}`]
  }

  #ofWords(old: Schema, now: Schema, at: string): string[] {
    const [before, after] = [wordsOf(old), wordsOf(now)]
    if (before === undefined) {
      return this.#way === 'request' && after !== undefined ? [`${at}: takes only ${after.join(', ')}`] : []
    }
    const gone = after === undefined ? [] : before.filter((word) => !after.includes(word))
    return gone.map((word) => `${at}: ${JSON.stringify(word)} is gone`)
  }

  #ofProperties(old: Schema, now: Schema, at: string): string[] {
    const isRequest = this.#way === 'request'
    const breaks: string[] = []
    for (const [name, property] of Object.entries<Schema>(old.properties ?? {})) {
      const after = now.properties?.[name]
      if (after !== undefined) breaks.push(...this.of(property, after, `${at}.${name}`))
      else if (!isRequest || now.additionalProperties === false) breaks.push(`${at}.${name}: is gone`)
    }
    const [before, after] = [new Set<string>(old.required), new Set<string>(now.required)]
    const demanded = isRequest ? after.difference(before) : before.difference(after)
    for (const name of demanded) {
      if (isRequest || now.properties?.[name] !== undefined)
        breaks.push(`${at}.${name}: ${isRequest ? 'must be given now' : 'may be missing now'}`)
    }
    const [open, openNow] = [old.additionalProperties, now.additionalProperties]
    if (isRequest && open !== false && openNow === false && old.type === 'object')
      breaks.push(`${at}: takes no other fields any more`)
    if (typeof open === 'object' && typeof openNow === 'object') breaks.push(...this.of(open, openNow, `${at}.*`))
    return breaks
  }
}

function ofLimits(old: Schema, now: Schema, at: string): string[] {
  const tighter = (name: string) => {
    if (now[name] === undefined) return false
    if (CONDITIONS.includes(name) || old[name] === undefined)
      return JSON.stringify(old[name]) !== JSON.stringify(now[name])
    return LOWER.includes(name) ? now[name] > old[name] : now[name] < old[name]
  }
  const breaks = [...LOWER, ...UPPER, ...CONDITIONS].filter(tighter).map((name) => {
    const was = old[name] === undefined ? 'was not there' : `was ${JSON.stringify(old[name])}`
    return `${at}: ${name} is ${JSON.stringify(now[name])}, ${was}`
  })
  if (old.default !== undefined && old.default !== now.default)
    breaks.push(`${at}: its default was ${JSON.stringify(old.default)}, is ${JSON.stringify(now.default)}`)
  return breaks
}

/** A schema with what it refers to, and with what all of it says in one. */
function whole(document: OpenApi, given: Schema): Schema {
  const { allOf, ...schema } = resolved(document, given)
  if (allOf === undefined) return schema
  const parts = [schema, ...allOf.map((part: Schema) => whole(document, part))]
  return Object.assign({}, ...parts, {
    properties: Object.assign({}, ...parts.map(({ properties }) => properties)),
    required: parts.flatMap(({ required }) => required ?? []),
  })
}

function isChoice({ anyOf }: Schema): boolean {
  return anyOf !== undefined
}

function choicesOf(schema: Schema): Schema[] {
  return isChoice(schema) ? schema.anyOf : [schema]
}

function typesOf(schema: Schema): string[] {
  if (schema.type !== undefined) return [schema.type].flat()
  const words = wordsOf(schema)
  if (words === undefined) return ANY_TYPE
  return [...new Set(words.map((word) => (word === null ? 'null' : typeof word)))]
}

function wordsOf({ enum: words, const: word }: Schema): unknown[] | undefined {
  return word === undefined ? words : [word]
}

// The document leaves nothing unsaid: every route, parameter and field has a description; shapes have names; bodies have
// examples, and these are what they are examples of.

import t from 'tap'
import { ERRORS } from '../../service/errors.ts'
import { Answers } from './answers.ts'
import { codesOf } from './breaking.ts'
import { examplesOf, FROZEN, readDocument, resolved, routesOf, type Schema } from './document.ts'

const document = readDocument(FROZEN)
const routes = routesOf(document)

/** The fields of a schema that say nothing of what they mean, by where they are. */
function undescribed(schema: Schema, at: string): string[] {
  const fields = Object.entries<Schema>(schema.properties ?? {})
  return [
    ...fields.filter(([, field]) => !isDescribed(field)).map(([name]) => `${at}.${name}`),
    ...fields.flatMap(([name, field]) => undescribed(field, `${at}.${name}`)),
    ...(schema.items ? undescribed(schema.items, `${at}[]`) : []),
    ...(schema.anyOf ?? []).flatMap((choice: Schema) => undescribed(choice, at)),
  ]
}

function isDescribed(schema: Schema): boolean {
  return Boolean(resolved(document, schema).description)
}

t.test('every route says what it is', async (t) => {
  const tags = document.tags.map(({ name }) => name)
  for (const { name, operation } of routes) {
    const { operationId, summary, description, parameters = [] } = operation
    t.match(operationId, /^[a-z][A-Za-z]+$/, `${name} has a name`)
    t.match(summary, /^[A-Z].*[^.]$/, `${name} has a summary`)
    t.match(description, /^[\s\S]{10,}\.$/, `${name} has a description`)
    t.ok(operation.tags.length === 1 && tags.includes(operation.tags[0]), `${name} is under a heading`)
    for (const { name: parameter, description = '' } of parameters) t.match(description, /\.$/, `${name} ${parameter}`)
  }
  const names = routes.map(({ operation }) => operation.operationId)
  t.equal(new Set(names).size, names.length, 'no name stands for two routes')
})

t.test('every field says what it is', async (t) => {
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    t.ok(schema.description, `${name} has a description`)
    t.strictSame(undescribed(schema, name), [], `each field of ${name} has one`)
  }
})

t.test('an object of a body has a name', async (t) => {
  for (const { name, operation } of routes) {
    const answers = Object.values(operation.responses).map((answer) => resolved(document, answer))
    const bodies = [operation.requestBody, ...answers].flatMap((body) => Object.entries(body?.content ?? {}))
    for (const [type, { schema }] of bodies) {
      if (type === 'application/json') t.notOk(schema.properties && Object.keys(schema.properties).length > 0, name)
    }
  }
  const nested = Object.values(document.components.schemas).flatMap(({ properties = {} }) =>
    Object.values<Schema>(properties),
  )
  for (const { properties, items } of nested) t.notOk(properties ?? items?.properties)
  for (const [name, { properties, anyOf }] of Object.entries(document.components.schemas)) {
    t.notOk(
      properties && anyOf,
      `${name} has fields or is a choice: of both, generated clients make a type of anything`,
    )
  }
})

t.test('every body has examples, and they are right', async (t) => {
  const answers = new Answers(document)
  for (const { name, operation } of routes) {
    const { requestBody, responses } = operation
    for (const [type, media] of Object.entries(requestBody?.content ?? {})) {
      const isNothing = Object.keys(resolved(document, media.schema).properties ?? { some: 1 }).length === 0
      t.ok(isNothing || examplesOf(media, document).length > 0, `${name}: ${type}`)
      for (const example of examplesOf(media, document)) t.strictSame(answers.wrongIn(media.schema, example), [], name)
    }
    for (const [status, answer] of Object.entries(responses)) {
      for (const [type, media] of Object.entries(resolved(document, answer).content ?? {})) {
        if (!type.includes('json') || operation.operationId === 'getOpenApi') continue
        t.ok(examplesOf(media, document).length > 0, `${name}: ${status}`)
        for (const example of examplesOf(media, document))
          t.strictSame(answers.wrongIn(media.schema, example), [], `${name} ${status}`)
      }
    }
  }
})

t.test('every code stands at its status', async (t) => {
  for (const { name, operation } of routes) {
    for (const [code, status] of codesOf(document, operation)) {
      t.equal(ERRORS[code as keyof typeof ERRORS].status, Number(status), `${name}: ${code}`)
    }
  }
})

t.test('a route that asks for a right says that a token is needed', async (t) => {
  for (const { name, operation } of routes) {
    const { security = [], 'x-rights': rights = [] } = operation
    t.equal(rights.length > 0, security.length > 0, name)
    t.equal(rights.length > 0, codesOf(document, operation).has('TOKEN_MISSING'), `${name}: its codes`)
  }
})

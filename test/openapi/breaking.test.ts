// The interface breaks nobody's client unless it is meant to, and says so: what is frozen is compared with what the last release
// had. Who means it raises the version in package.json and writes the line that is asked for into the CHANGELOG.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import program from '../../package.json' with { type: 'json' }
import { breaksOf, unannounced } from './breaking.ts'
import { FROZEN, type OpenApi, type Operation, RELEASED, readDocument, type Schema } from './document.ts'

t.test('nothing breaks that is not announced', async (t) => {
  const released = readDocument(RELEASED)
  const breaks = breaksOf(released, readDocument(FROZEN))
  const changelog = readFileSync(join(import.meta.dirname, '../../CHANGELOG.md'), 'utf8')
  for (const { route, what } of breaks) t.comment(`${route}: ${what}`)
  t.strictSame(unannounced(breaks, released.info.version, program.version, changelog), [])
})

const PROBLEM = 'application/problem+json'

function base() {
  const operation = {
    operationId: 'put',
    summary: '',
    description: '',
    tags: [],
    'x-rights': ['publish', 'admin'],
    parameters: [
      {
        name: 'limit',
        in: 'query',
        required: false,
        schema: { type: 'integer', minimum: 1, maximum: 100, default: 10 },
      },
    ],
    requestBody: {
      required: false,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            additionalProperties: false,
            properties: {
              name: { type: 'string', maxLength: 10 },
              delay: { $ref: '#/components/schemas/Duration' },
              order: { type: 'string', enum: ['none', 'key'] },
              list: { type: 'array', items: { type: 'number' } },
            },
          } as Schema,
        },
        'application/x-ndjson': { schema: { type: 'string' } },
      },
    },
    responses: {
      200: {
        description: '',
        headers: { 'dwell-next': {} },
        content: {
          'application/json': {
            schema: {
              type: 'object',
              required: ['state'],
              properties: { state: { type: 'string', enum: ['a', 'b'] }, count: { type: 'integer' } },
            } as Schema,
          },
        },
      },
      404: {
        description: '',
        content: { [PROBLEM]: { schema: { allOf: [{ properties: { code: { enum: ['X', 'Y'] } } }] } as Schema } },
      },
    },
  }
  const Duration = { anyOf: [{ type: 'number' }, { type: 'string' }] }
  return {
    info: { version: '0.1.0' },
    tags: [],
    paths: { '/a': { put: operation } },
    components: { schemas: { Duration } },
  }
}

type Base = ReturnType<typeof base>
const operationOf = (document: Base) => document.paths['/a'].put
const bodyOf = (document: Base) => operationOf(document).requestBody.content['application/json'].schema
const answerOf = (document: Base) => operationOf(document).responses[200].content['application/json'].schema
const codesOf = (document: Base) =>
  operationOf(document).responses[404].content[PROBLEM].schema.allOf[0].properties.code

/** A change, and what it breaks; undefined for what breaks nothing. */
const ROWS: [name: string, change: (document: Base) => void, breaks: string | undefined][] = [
  ['nothing changes', () => {}, undefined],
  ['a route goes', (d) => Object.assign(d, { paths: {} }), 'is gone'],
  ['an operationId changes', (d) => (operationOf(d).operationId = 'set'), 'its operationId was put'],
  ['a right is not enough', (d) => operationOf(d)['x-rights'].shift(), 'publish is not enough now'],
  ['a right more is enough', (d) => operationOf(d)['x-rights'].push('consume'), undefined],
  ['a parameter goes', (d) => operationOf(d).parameters.pop(), 'query limit: is gone'],
  [
    'a parameter must be given',
    (d) => (operationOf(d).parameters[0].required = true),
    'query limit: must be given now',
  ],
  [
    'a limit is narrower',
    (d) => (operationOf(d).parameters[0].schema.maximum = 50),
    'query limit: maximum is 50, was 100',
  ],
  ['a limit is wider', (d) => (operationOf(d).parameters[0].schema.maximum = 500), undefined],
  [
    'a default is another',
    (d) => (operationOf(d).parameters[0].schema.default = 20),
    'query limit: its default was 10, is 20',
  ],
  ['a body must be given', (d) => (operationOf(d).requestBody.required = true), 'a body must be given now'],
  [
    'a type of body goes',
    (d) => Reflect.deleteProperty(operationOf(d).requestBody.content, 'application/x-ndjson'),
    'takes no application/x-ndjson any more',
  ],
  ['a field of a request goes', (d) => Reflect.deleteProperty(bodyOf(d).properties, 'name'), 'body.name: is gone'],
  ['a field of a request is new', (d) => (bodyOf(d).properties.more = { type: 'string' }), undefined],
  ['a field must be given', (d) => (bodyOf(d).required = ['name']), 'body.name: must be given now'],
  ['a pattern is new', (d) => (bodyOf(d).properties.name.pattern = '^a'), 'body.name: pattern is "^a", was not there'],
  ['a word goes', (d) => bodyOf(d).properties.order.enum.pop(), 'body.order: "key" is gone'],
  ['a word is new', (d) => bodyOf(d).properties.order.enum.push('id'), undefined],
  [
    'a list holds something else',
    (d) => (bodyOf(d).properties.list.items.type = 'string'),
    'body.list[]: was number, is string',
  ],
  [
    'a number becomes a whole one',
    (d) => (bodyOf(d).properties.list.items.type = 'integer'),
    'body.list[]: was number, is integer',
  ],
  [
    'one of several types goes, in what is referred to',
    (d) => d.components.schemas.Duration.anyOf.pop(),
    'body.delay: no longer takes {"type":"string"}',
  ],
  ['one of several types is new', (d) => d.components.schemas.Duration.anyOf.push({ type: 'null' }), undefined],
  [
    'a status of an answer goes',
    (d) => Reflect.deleteProperty(operationOf(d).responses, '200'),
    'does not answer 200 any more',
  ],
  [
    'a header of an answer goes',
    (d) => (operationOf(d).responses[200].headers = {} as never),
    '200: the header dwell-next is gone',
  ],
  ['a field of an answer goes', (d) => Reflect.deleteProperty(answerOf(d).properties, 'count'), '200.count: is gone'],
  ['a field of an answer is new', (d) => (answerOf(d).properties.more = { type: 'string' }), undefined],
  ['a field of an answer may be missing', (d) => (answerOf(d).required = []), '200.state: may be missing now'],
  [
    'a field of an answer has another type',
    (d) => (answerOf(d).properties.count.type = 'string'),
    '200.count: was integer, is string',
  ],
  ['a word of an answer goes', (d) => answerOf(d).properties.state.enum.pop(), '200.state: "b" is gone'],
  ['a word of an answer is new', (d) => answerOf(d).properties.state.enum.push('c'), undefined],
  ['a code goes', (d) => codesOf(d).enum.pop(), 'the code Y is gone'],
  ['a code is new', (d) => codesOf(d).enum.push('Z'), undefined],
  [
    'a code has another status',
    (d) => {
      codesOf(d).enum.pop()
      const conflict = structuredClone(operationOf(d).responses[404])
      conflict.content[PROBLEM].schema.allOf[0].properties.code.enum = ['Y']
      Object.assign(operationOf(d).responses, { 409: conflict })
    },
    'the code Y came with 404, comes with 409',
  ],
]

t.test('what breaks a client, and what does not', async (t) => {
  for (const [name, change, expected] of ROWS) {
    const after = base()
    change(after)
    const breaks = breaksOf(base() as unknown as OpenApi, after as unknown as OpenApi)
    t.strictSame(breaks, expected === undefined ? [] : [{ route: 'PUT /a', what: expected }], name)
  }
})

t.test('to break on purpose takes a version and a line for each route', async (t) => {
  const breaks = [{ route: 'PUT /a', what: 'is gone' }]
  const line = '- Breaking: `PUT /a` is gone; use `PUT /b`.'
  t.strictSame(unannounced([], '0.1.0', '0.1.0', ''), [], 'nothing breaks')
  t.strictSame(unannounced(breaks, '0.1.0', '0.2.0', `# Changelog\n\n## 0.2.0\n\n${line}\n`), [], 'announced')
  t.strictSame(unannounced(breaks, '1.4.2', '2.0.0', `## 2.0.0\n${line}\n## 1.4.2\n`), [], 'announced, after 1.0.0')
  t.strictSame(unannounced(breaks, '0.1.0', '0.1.1', `## 0.1.1\n${line}`), [
    'The version in package.json is 0.1.1: 0.1.0 was released, so 0.2.0 is the next that may break.',
  ])
  t.match(unannounced(breaks, '1.4.2', '1.5.0', `## 1.5.0\n${line}`)[0], /so 2\.0\.0 is the next/)
  t.strictSame(unannounced(breaks, '0.1.0', '0.2.0', `## 0.2.0\n\n## 0.1.0\n${line}`), [
    'CHANGELOG.md has no line "- Breaking: `PUT /a` …" under "## 0.2.0".',
  ])
})

t.test('the real document breaks where a field of it goes', async (t) => {
  const [before, after] = [readDocument(FROZEN), readDocument(FROZEN)]
  t.strictSame(breaksOf(before, after), [])
  Reflect.deleteProperty(after.components.schemas.Message.properties, 'delay')
  Reflect.deleteProperty(after.components.schemas.TopicDescription.properties, 'retention')
  const found = breaksOf(before, after)
  const routes: Operation['summary'][] = [...new Set(found.map(({ route }) => route))]
  t.strictSame(routes.sort(), ['GET /v1/topics/{topic}', 'POST /v1/topics/{topic}/messages', 'PUT /v1/topics/{topic}'])
})

// GET /docs, /docs/errors, /docs/errors/{code}: the interface and its errors, to be read in a browser, without any other host and
// without JavaScript.
//
// Always true: pages are made of the document of the interface and of tables in the source, and of nothing that somebody stored or
// sent. They are made when they are first asked for, and kept: there are as many as there are codes.

import type { FastifyInstance, FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { DwellError } from '../../../storage/index.ts'
import { ANYONE } from '../../access/route-access.ts'
import { ADVICE } from '../../error-advice/index.ts'
import { ERRORS, type ErrorCode, isErrorCode } from '../../errors.ts'
import type { HttpParts } from '../parts.ts'
import { answers, NoQuery } from '../schemas.ts'
import { errorPage, errorsPage } from './error-pages.ts'
import { interfacePage } from './interface-page.ts'
import { STYLE_PATH } from './layout.ts'
import type { OpenApiDocument } from './openapi-document.ts'
import { STYLE } from './style.ts'

const HTML_TYPE = 'text/html; charset=utf-8'
/** Nothing but our own style sheet is loaded, nothing runs, and no page holds these in a frame. */
const POLICY =
  "default-src 'self'; script-src 'none'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
}

const Page = { description: 'A page.', content: { 'text/html': { schema: Type.String({ description: 'HTML.' }) } } }
const Sheet = {
  description: 'The style sheet.',
  content: { 'text/css': { schema: Type.String({ description: 'CSS.' }) } },
}
const sentences = (description: string) => Type.Array(Type.String({ description: 'A sentence.' }), { description })
const ErrorMeaning = Type.Object(
  {
    code: Type.String({ description: 'The code.' }),
    status: Type.Integer({ description: 'The status it is answered with.' }),
    title: Type.String({ description: 'What it means, in a few words.' }),
    retryable: Type.Boolean({ description: 'Whether the same request may succeed later, unchanged.' }),
    means: Type.String({ description: 'What it means, in a sentence or two.' }),
    because: sentences('What usually leads to it.'),
    todo: sentences('What to do, in order.'),
  },
  { title: 'ErrorMeaning', description: 'What an error code means and what to do about it.' },
)
const ErrorAnswer = {
  description: 'The page, for whoever accepts text/html; else the same as JSON.',
  content: {
    'application/json': { schema: ErrorMeaning, example: meaningOf('TOPIC_NOT_FOUND') },
    'text/html': { schema: Type.String({ description: 'HTML.' }) },
  },
}
const ErrorPath = Type.Object({
  code: Type.String({ description: 'A code, as the `code` of a problem says it.', examples: ['TOPIC_NOT_FOUND'] }),
})

export function docsRoutes(app: FastifyInstance, { access }: Pick<HttpParts, 'access'>): void {
  const tags = ['Operations']
  const config = { access: ANYONE }
  const withToken = access.authenticator !== undefined
  const made = new Map<string, string>()
  let known: OpenApiDocument | undefined
  const document = () => {
    known ??= app.swagger() as unknown as OpenApiDocument
    return known
  }

  function send(reply: FastifyReply, path: string, make: () => string, type = HTML_TYPE): FastifyReply {
    const text = made.get(path) ?? make()
    made.set(path, text)
    return reply.headers({ ...HEADERS, 'content-type': type }).send(text)
  }

  app.get(
    '/docs',
    {
      config,
      schema: {
        tags,
        querystring: NoQuery,
        operationId: 'getDocs',
        summary: 'This interface, to be read in a browser',
        description: 'The same as /openapi.json.',
        ...answers({ 200: Page }, []),
      },
    },
    async (_request, reply) => send(reply, '/docs', () => interfacePage(document(), { withToken })),
  )

  app.get(
    STYLE_PATH,
    {
      config,
      schema: {
        tags,
        querystring: NoQuery,
        operationId: 'getDocsStyle',
        summary: 'The style sheet of the pages',
        description: 'All that the pages need beside themselves.',
        ...answers({ 200: Sheet }, []),
      },
    },
    async (_request, reply) => send(reply, STYLE_PATH, () => STYLE, 'text/css; charset=utf-8'),
  )

  app.get(
    '/docs/errors',
    {
      config,
      schema: {
        tags,
        querystring: NoQuery,
        operationId: 'getErrorCodes',
        summary: 'All error codes, to be read in a browser',
        description: 'By what they are about, each with a page of its own.',
        ...answers({ 200: Page }, []),
      },
    },
    async (_request, reply) => send(reply, '/docs/errors', errorsPage),
  )

  app.get<{ Params: { code: string } }>(
    '/docs/errors/:code',
    {
      config,
      // A page is text already, and what is JSON is made here.
      serializerCompiler: () => (text) => text as string,
      schema: {
        tags,
        querystring: NoQuery,
        operationId: 'getErrorCode',
        summary: 'What a code means, and what to do',
        description: 'Where the type of a problem leads to.',
        params: ErrorPath,
        ...answers({ 200: ErrorAnswer }, ['ROUTE_NOT_FOUND']),
      },
    },
    async ({ params: { code }, headers: { accept = '' } }, reply) => {
      if (!isErrorCode(code)) throw new DwellError('ROUTE_NOT_FOUND', 'There is no error with this code.')
      reply.header('vary', 'Accept')
      if (accept.includes('text/html')) return send(reply, code, () => errorPage(code, document()))
      return send(reply, `${code}.json`, () => JSON.stringify(meaningOf(code)), 'application/json; charset=utf-8')
    },
  )
}

function meaningOf(code: ErrorCode): object {
  const { means, because, todo } = ADVICE[code]
  return { code, ...ERRORS[code], means, because, todo }
}

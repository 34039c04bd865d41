// The routes: fastify with what all of them share. One file per resource beside this one; the port is listener.ts's.

import fastifySwagger from '@fastify/swagger'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { BufferPool, DwellError } from '../../storage/index.ts'
import { checkUtf8 } from '../json-scanner.ts'
import { logRequests } from './access-log.ts'
import { consumeRoutes } from './consume.ts'
import { deadLetterRoutes } from './dead-letters.ts'
import { delayedRoutes } from './delayed.ts'
import { delayedListRoutes } from './delayed-list.ts'
import { docsRoutes } from './docs/docs.ts'
import { explainRoutes } from './explain.ts'
import { forecastRoutes } from './forecast.ts'
import { addFrontDoor } from './front-door.ts'
import { groupRoutes } from './groups.ts'
import { KnownPaths } from './known-paths.ts'
import { messageRoutes } from './messages.ts'
import { BEARER, finishDocument, INFO, TAGS } from './openapi.ts'
import { operationRoutes } from './operations.ts'
import type { HttpParts } from './parts.ts'
import { Problems } from './problems.ts'
import { recordRoutes } from './records.ts'
import { redriveRoutes } from './redrives.ts'
import { bodyTaker, textTaker } from './request-body.ts'
import { requestIds } from './request-ids.ts'
import { traceRequests } from './request-spans.ts'
import { scaleRoutes } from './scale.ts'
import { testClockRoutes } from './test-clock.ts'
import { topicRoutes } from './topics.ts'
import { compileValidator } from './validation.ts'
import { emptyBody } from './violations.ts'

/** Longer than any name or id, so that those get their own refusals. */
const PARAM_LENGTH_MAX = 4_096

/** Builds them, to be called with the requests of a port that is another's. */
export async function buildRoutes(parts: HttpParts): Promise<FastifyInstance> {
  const { settings, log, metrics, hand } = parts
  const problems = new Problems({
    log,
    requestBytesMax: settings.REQUEST_BYTES_MAX,
    onProblem: (code) => metrics.countProblem(code),
  })
  const app: FastifyInstance = Fastify({
    bodyLimit: settings.REQUEST_BYTES_MAX,
    genReqId: requestIds(hand.nowMs()),
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => problems.send(error, request as FastifyRequest, reply as FastifyReply),
  })
  app.setValidatorCompiler(compileValidator)
  app.setErrorHandler((error, request, reply) => problems.send(error, request, reply))
  const known = new KnownPaths()
  app.addHook('onRoute', ({ method, url }) => known.add(method, url))
  app.setNotFoundHandler((request, reply) => problems.send(noSuchRoute(request, known), request, reply))
  addFrontDoor(app, parts)
  // Before fastify asks more of a method than that there is a route for it, as it does of QUERY.
  app.addHook('onRequest', (request, _reply, done) => done(request.is404 ? noSuchRoute(request, known) : undefined))
  app.addHook('onResponse', (request, reply, done) => {
    metrics.countRequest(request.method, request.routeOptions.url, reply.statusCode, reply.elapsedTime)
    done()
  })
  if (settings.LOG_LEVEL === 'debug') logRequests(app, log)
  traceRequests(app, parts.tracing)
  app.removeAllContentTypeParsers()
  const takeText = textTaker(bodyTaker({ ...parts, pool: new BufferPool(), bytesMax: settings.REQUEST_BYTES_MAX }))
  app.addContentTypeParser('application/json', (request, payload, done) =>
    takeText(request, payload, (error, body) => {
      if (body === undefined) return done(error)
      parseJson(body.bytes, done)
      body.release()
    }),
  )
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      components: { securitySchemes: { bearer: BEARER } },
      info: INFO,
      tags: TAGS,
    },
    convertConstToEnum: false,
    transformObject: finishDocument,
  })
  await app.register(async (scope) => {
    messageRoutes(scope, parts)
    delayedRoutes(scope, parts)
    delayedListRoutes(scope, parts)
    forecastRoutes(scope, parts)
    topicRoutes(scope, parts)
    recordRoutes(scope, parts)
    consumeRoutes(scope, parts)
    groupRoutes(scope, parts)
    scaleRoutes(scope, parts)
    explainRoutes(scope, parts)
    deadLetterRoutes(scope, parts)
    redriveRoutes(scope, parts)
    operationRoutes(scope, parts)
    docsRoutes(scope, parts)
    if (parts.testClock !== undefined) testClockRoutes(scope, parts, parts.testClock)
  })
  await app.ready()
  return app
}

function noSuchRoute({ url, method }: FastifyRequest, known: KnownPaths): DwellError {
  const path = url.split('?')[0]
  const shown = path.slice(0, 200)
  const allow = known.methodsOf(path).join(', ')
  if (allow === '')
    return new DwellError('ROUTE_NOT_FOUND', `There is no ${method} ${shown}. ${insteadOf(path, known)}`)
  return new DwellError('METHOD_NOT_ALLOWED', `${shown} takes ${allow}, not ${method}.`, { allow })
}

function insteadOf(path: string, known: KnownPaths): string {
  const isSlashTooMany = path.endsWith('/') && known.methodsOf(path.slice(0, -1)).length > 0
  return isSlashTooMany ? 'Leave out the slash at its end.' : 'All that there is stands in /docs.'
}

function parseJson(body: Buffer, done: (error: Error | null, body?: unknown) => void): void {
  try {
    checkUtf8(body)
    done(null, JSON.parse(body.toString()))
  } catch (error) {
    if (error instanceof DwellError) done(error)
    else done(body.length === 0 ? emptyBody() : new DwellError('INVALID_JSON', `${(error as Error).message}.`))
  }
}

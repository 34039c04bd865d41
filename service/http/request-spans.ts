// Spans of the calls that publish, acquire and acknowledge: the route says beside itself which operation it is, its handler says
// what it was about, and the span is made when the answer is out.
//
// Always true: who was not let in, or said nothing that could be understood, makes no span.

import type { FastifyInstance } from 'fastify'
import type { Delivery } from '../delivery/index.ts'
import { requestContext } from '../tracing/trace-context.ts'
import type { Operation, Tracing } from '../tracing/tracing.ts'

/** What a call was about. */
export interface CallSubject {
  messages: number
  /** What it brought. */
  deliveries?: readonly Delivery[]
}

declare module 'fastify' {
  interface FastifyContextConfig {
    operation?: Operation
  }
  interface FastifyRequest {
    /** Set by handlers of routes with an operation, once names are known to be some. */
    subject: CallSubject | undefined
  }
}

/** For all routes that are added to `app` from now on. */
export function traceRequests(app: FastifyInstance, tracing: Tracing | undefined): void {
  app.decorateRequest('subject')
  if (tracing === undefined) return
  app.addHook('onResponse', (request, reply, done) => {
    const { config, method, url: route = '' } = request.routeOptions
    const { operation } = config
    const { subject } = request
    if (operation !== undefined && subject !== undefined) {
      const { topic, group } = request.params as { topic: string; group?: string }
      tracing.called({
        ...{ operation, topic, group, route, ...subject },
        method: String(method),
        status: reply.statusCode,
        tookMs: reply.elapsedTime,
        context: requestContext(request.headers),
      })
    }
    done()
  })
}

// A line in the log for each request that was answered, at the level debug. Without it nothing is done for a request.
//
// Always true: it says the route, not the path, so no name of a user's stands in it; and nothing of headers or bodies but the
// id of the request and of its trace.

import type { FastifyInstance } from 'fastify'
import type { Log } from '../../storage/index.ts'
import { requestContext, traceIdOf } from '../tracing/trace-context.ts'

/** For all routes that are added to `app` from now on. */
export function logRequests(app: FastifyInstance, log: Log): void {
  app.addHook('onResponse', ({ id: requestId, method, headers, routeOptions }, reply, done) => {
    const context = requestContext(headers)
    const fields = {
      method,
      route: routeOptions.url,
      status: reply.statusCode,
      tookMs: Math.round(reply.elapsedTime * 1000) / 1000,
      requestId,
      traceId: context && traceIdOf(context),
    }
    log.debug(fields, 'A request was answered.')
    done()
  })
}

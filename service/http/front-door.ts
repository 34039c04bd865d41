// What every request passes before its handler, in this order: where it was sent to and from which page, who sends it, and
// whether he may. Nothing of a body is read before that.
//
// Always true:
//   1. A route says beside itself what it asks (access/route-access.ts); one that does not is not built.
//   2. Whoever may not do something learns nothing of what exists: he is refused before anything is looked for.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Access } from '../access/access.ts'
import { type Caller, EVERYBODY, STRANGER } from '../access/caller.ts'
import type { ServedHosts } from './served-hosts.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sent it. */
    caller: Caller
  }
}

export interface FrontDoorOptions {
  access: Pick<Access, 'authenticator'>
  hosts: ServedHosts
}

/** Puts the door in front of all routes that are added to `app` from now on. */
export function addFrontDoor(app: FastifyInstance, { access: { authenticator }, hosts }: FrontDoorOptions): void {
  app.decorateRequest('caller')

  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.access === undefined) throw new Error(`The route ${method} ${url} does not say who may call it.`)
  })

  app.addHook('onRequest', (request, _reply, done) => {
    try {
      hosts.check(request.raw.headers)
      const { access } = request.routeOptions.config
      request.caller = authenticator === undefined ? EVERYBODY : STRANGER
      // Without one there is no such route, which everybody may know.
      if (authenticator !== undefined && access !== undefined) {
        const { authorization } = request.raw.headers
        const isOpen = access.rights.length === 0
        if (isOpen && authorization === undefined) return done()
        const caller = authenticator.callerOf(authorization, request.socket.remoteAddress ?? '')
        if (caller instanceof Promise) {
          caller.then((found) => letIn(request, found)).then(() => done(), done)
          return
        }
        letIn(request, caller)
      }
      done()
    } catch (error) {
      done(error as Error)
    }
  })
}

/** @throws FORBIDDEN */
function letIn(request: FastifyRequest, caller: Caller): void {
  const { access } = request.routeOptions.config
  if (access !== undefined) caller.check(access, (request.params as { topic?: string }).topic)
  request.caller = caller
}

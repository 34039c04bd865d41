// What every request passes before its handler, in this order: its form, where it was sent to and from which page, who sends
// it, and whether he may. Nothing of a body is read before that.
//
// Always true:
//   1. A route says beside itself what it asks (access/route-access.ts); one that does not is not built.
//   2. Whoever may not do something learns nothing of what exists: he is refused before anything is looked for.

import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { DwellError } from '../../storage/index.ts'
import type { Access } from '../access/access.ts'
import type { Allowance } from '../access/allowance.ts'
import type { Authenticator } from '../access/authenticator.ts'
import { type Caller, EVERYBODY, STRANGER } from '../access/caller.ts'
import type { RouteAccess } from '../access/route-access.ts'
import { checkForm } from './request-form.ts'
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

/** Whose connection each is, with what gives it back. */
type Holders = WeakMap<Socket, Map<Allowance, () => void>>

/** Puts the door in front of all routes that are added to `app` from now on. */
export function addFrontDoor(app: FastifyInstance, { access: { authenticator }, hosts }: FrontDoorOptions): void {
  const holders: Holders = new WeakMap()
  app.decorateRequest('caller')

  app.addHook('onRoute', (route) => {
    const access = route.config?.access
    if (access === undefined) throw new Error(`The route ${route.method} ${route.url} does not say who may call it.`)
    route.schema = { ...route.schema, ...documentOf(access) }
  })

  app.addHook('onRequest', (request, _reply, done) => {
    let identified: Promise<void> | undefined
    try {
      checkForm(request.raw)
      hosts.check(request.raw.headers)
      identified = admit(request, authenticator, holders)
    } catch (error) {
      return done(error as Error)
    }
    // What comes behind the door is not ours to catch.
    if (identified === undefined) done()
    else
      identified.then(
        () =>
          void setImmediate(() => {
            // Whose client hung up meanwhile, it would hold room, records and a place in line for nobody, and never let go of them.
            if (!request.raw.destroyed) done()
          }),
        (error) => void setImmediate(done, error),
      )
  })
}

/** Sets the caller; a promise only where a signature has to be computed. */
function admit(
  request: FastifyRequest,
  authenticator: Authenticator | undefined,
  holders: Holders,
): Promise<void> | undefined {
  const { access } = request.routeOptions.config
  request.caller = authenticator === undefined ? EVERYBODY : STRANGER
  // Without one there is no such route, which everybody may know.
  if (authenticator === undefined || access === undefined) return undefined
  const caller = identify(authenticator, request, access)
  if (caller instanceof Promise)
    return caller.then((found) => {
      // A connection that is closed already would never give back what it took.
      if (!request.raw.destroyed) letIn(request, access, found, holders)
    })
  letIn(request, access, caller, holders)
  return undefined
}

/** What the document of the interface says of it: that a token may be asked for, and which rights it has to have. */
function documentOf({ rights }: RouteAccess): object {
  return rights.length === 0 ? { security: [] } : { security: [{}, { bearer: [] }], 'x-rights': rights }
}

/** Where anyone may come in, a token that is wrong is as good as none. */
function identify(
  authenticator: Authenticator,
  request: FastifyRequest,
  access: RouteAccess,
): Caller | Promise<Caller> {
  const { authorization } = request.raw.headers
  const connection = request.raw.socket
  if (access.rights.length > 0) return authenticator.callerOf(authorization, connection)
  if (authorization === undefined) return STRANGER
  try {
    const caller = authenticator.callerOf(authorization, connection)
    return caller instanceof Promise ? caller.catch(strangerFor) : caller
  } catch (error) {
    return strangerFor(error)
  }
}

function strangerFor(error: unknown): Caller {
  if (error instanceof DwellError) return STRANGER
  throw error
}

/** @throws FORBIDDEN */
function letIn(request: FastifyRequest, access: RouteAccess, caller: Caller, holders: Holders): void {
  caller.check(access, (request.params as { topic?: string }).topic)
  const { allowance } = caller
  if (allowance !== undefined) {
    allowance.admitRequest()
    if (allowance.limits.connections > 0) takeConnection(request.raw.socket, allowance, holders)
  }
  request.caller = caller
}

/** A connection counts for each caller who uses it: a proxy may send the requests of many on one. */
function takeConnection(socket: Socket, allowance: Allowance, holders: Holders): void {
  const known = holders.get(socket)
  if (known?.has(allowance)) return
  const release = allowance.takeConnection()
  if (known !== undefined) {
    known.set(allowance, release)
    return
  }
  const releases = new Map([[allowance, release]])
  holders.set(socket, releases)
  socket.once('close', () => {
    for (const giveBack of releases.values()) giveBack()
  })
}

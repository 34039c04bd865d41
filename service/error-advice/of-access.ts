// Of who sends a request, and of how much he may: refused before anything of it was looked at.

import type { ErrorCode } from '../errors.ts'
import type { Advice } from './advice.ts'

export const OF_ACCESS = {
  TOKEN_MISSING: {
    means: 'The service asks for a token, and the request has none.',
    because: [
      'There is no `Authorization` header, or a proxy took it away.',
      'It does not begin with `Bearer` and a space.',
    ],
    todo: [
      'Send `Authorization: Bearer <token>`; the command line takes it from `DWELL_TOKEN` or a context.',
      'Whoever runs the service makes tokens with `dwell tokens create`.',
    ],
    example: { detail: 'Send a token: Authorization: Bearer <token>.' },
  },
  TOKEN_WRONG: {
    means: 'The request has a token, and it is not accepted. Which of the reasons it is stands in the log only.',
    because: [
      'It was removed or replaced, or has run out.',
      'It is a JSON Web Token of another issuer, for another audience, or with an algorithm that is not allowed.',
      'It was cut while it was copied.',
    ],
    todo: [
      'Take the token anew from where it was kept.',
      'Do not try again with the same one: after a number of wrong tokens an address has to wait (`TOO_MANY_ATTEMPTS`).',
    ],
    example: { detail: 'The token is not known, or not valid any more.' },
  },
  FORBIDDEN: {
    means: 'The token is good, but does not allow this call on this topic. Whether the topic exists is not told.',
    because: [
      'It has not the right that the route asks for: `publish`, `consume` or `admin`. No right holds another one.',
      'It is for other topics.',
      'The call is about all topics, as `/metrics` is, and the token is for some of them.',
    ],
    todo: [
      'Use the token that is meant for it; `right` names the right that is needed.',
      'Let whoever runs the service give the token the right, or the beginning of the names of its topics.',
    ],
    example: { detail: 'The token does not have the right admin.', right: 'admin' },
  },
  TOO_MANY_REQUESTS: {
    means: 'The token has sent more requests, or more bytes, than it may in a second.',
    because: ['A loop sends one message a request.', 'Several programs share one token.'],
    todo: [
      'Wait as long as `Retry-After` says.',
      'Publish many messages in one request, and let `acquire` wait (`"wait": "20s"`) instead of asking again and again.',
      'Give each program its own token, or the token a higher limit.',
    ],
    example: { detail: 'The token may send 100 requests a second; try again in 1 s.', limit: 100 },
  },
  TOO_MANY_CONNECTIONS: {
    means: 'There are as many connections as there may be, for the token or in all.',
    because: [
      'A client opens a connection a request and does not keep it.',
      'A pool is larger than it needs to be, in many copies of a program.',
    ],
    todo: ['Keep connections alive and use them again.', 'Make pools smaller, or raise the limit of the token.'],
    example: { detail: 'The token has 50 connections open, which is the most.', limit: 50 },
  },
  TOO_MANY_WAITING: {
    means: 'As many calls of `acquire` wait for this token as may.',
    because: [
      'Each worker waits with a call of its own.',
      'Calls are given up by the client and sent again while the first ones still wait.',
    ],
    todo: [
      'Let one call take many records (`max`) and share them out among workers.',
      'Set the time limit of the client longer than `wait`.',
    ],
    example: { detail: 'The token has 100 calls of acquire waiting, which is the most.', limit: 100 },
  },
  TOO_MANY_ATTEMPTS: {
    means: 'So many wrong tokens came from this address that it has to wait before the next one is looked at.',
    because: [
      'A program goes on with a token that was replaced.',
      'Many clients come from one address, behind a proxy, and one of them has a wrong token.',
    ],
    todo: ['Find the wrong token; its requests have answered `TOKEN_WRONG`.', 'Wait as long as `Retry-After` says.'],
    example: { detail: 'Too many wrong tokens came from your address; try again in 30 s.' },
  },
  HOST_NOT_ALLOWED: {
    means:
      'The service answers only to names that it knows, so that no web page reaches it by a name of its own (DNS rebinding).',
    because: ['The name in the URL, and so in the `Host` header, is not one of `DWELL_ALLOWED_HOSTS`.'],
    todo: [
      'Call it by `localhost`, by its address, or by a name that is allowed.',
      'Add the name to `DWELL_ALLOWED_HOSTS`; `*.example.com` allows all below it.',
    ],
    example: {
      detail: 'This service does not answer to the name "dwell.example". Name it in DWELL_ALLOWED_HOSTS.',
    },
  },
  ORIGIN_NOT_ALLOWED: {
    means:
      'The request comes from a web page of another site. Pages may not call the service in the name of who looks at them.',
    because: ['JavaScript in a browser calls it: browsers then send an `Origin` header.'],
    todo: ['Call it from a server of yours, which the page asks.', 'In a proxy that adds an `Origin`, take it away.'],
    example: {
      detail:
        'A page of another site (its Origin is not this Host) may not ask this service. A proxy must hand on the Host that it was asked for; name it in DWELL_ALLOWED_HOSTS.',
    },
  },
  PUSH_OFF: {
    means: 'Groups may push to nothing, as long as nobody who runs the service has said to which hosts they may.',
    because: ['`DWELL_PUSH_ALLOWED_HOSTS` is empty, which is its default.'],
    todo: [
      'Set `DWELL_PUSH_ALLOWED_HOSTS` to the hosts of your endpoints and start the service again.',
      'Or consume with `acquire`, or `dwell listen`, which need no such setting.',
    ],
    example: { detail: 'Push is off: the setting DWELL_PUSH_ALLOWED_HOSTS names no hosts.', field: 'push.url' },
  },
  PUSH_HOST_NOT_ALLOWED: {
    means:
      'The endpoint lies at a host to which nothing may be pushed, so that a group cannot be used to reach into the network.',
    because: [
      'The host is not one of `DWELL_PUSH_ALLOWED_HOSTS`.',
      'Its name leads to an address of this machine, of a network inside or of the metadata of a cloud.',
    ],
    todo: [
      'Check the spelling of the URL.',
      'Add the host, or the address of an endpoint that is inside, to `DWELL_PUSH_ALLOWED_HOSTS`.',
    ],
    example: {
      detail: 'The host hooks.example is not one of DWELL_PUSH_ALLOWED_HOSTS.',
      field: 'push.url',
      host: 'hooks.example',
    },
  },
  KEYS_UNAVAILABLE: {
    means: 'Web tokens (JWT) are checked with keys of their issuer, and there are none now.',
    because: [
      'The address of the keys does not answer, and those that were known are too old.',
      'The service has just started and could not read them yet.',
    ],
    todo: [
      'Try again: the keys are asked for again by themselves.',
      'Let the address that `DWELL_JWT_KEYS` names be looked at from where the service runs.',
    ],
    example: { detail: 'No web token can be checked now: there are no keys.' },
  },
} as const satisfies Partial<Record<ErrorCode, Advice>>

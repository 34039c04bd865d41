// The settings of the front door: who comes in, over what, and how much each may ask for. Rows as in service/settings.ts.

import type { SettingRow } from '../settings.ts'

const MIB = 1024 * 1024
const GIB = 1024 * MIB
const TIB = 1024 * GIB

export const ACCESS_SETTINGS = {
  TOKENS_FILE: {
    kind: 'text',
    default: '',
    sentence: 'File with the hashes of tokens and what they may do; see `dwell tokens`. Read again when it changes.',
    secret: true,
  },
  OPEN_TO_ANYONE: {
    kind: 'boolean',
    default: false,
    sentence: 'Whether everybody who reaches this address may do everything, where no tokens are asked for.',
  },
  METRICS_OPEN: {
    kind: 'boolean',
    default: false,
    sentence: 'Whether /metrics, which names topics, needs no token where tokens are asked for.',
  },
  ALLOWED_HOSTS: {
    kind: 'text',
    default: '',
    sentence:
      'Names that requests may be sent to, *.name for all below one, with commas. Numbers and localhost always may. Empty: any name where tokens are asked for, none where not.',
  },
  JWT_KEYS: {
    kind: 'text',
    default: '',
    sentence: 'JSON Web Key Set that signs accepted JSON Web Tokens: a file, or an https address. Empty: none are.',
    secret: true,
  },
  JWT_ISSUER: { kind: 'text', default: '', sentence: 'Who must have issued a JSON Web Token (iss).' },
  JWT_AUDIENCE: { kind: 'text', default: '', sentence: 'Whom a JSON Web Token must be made for (aud).' },
  JWT_ALGORITHMS: {
    kind: 'text',
    default: 'RS256,PS256,ES256,EdDSA,Ed25519',
    sentence: 'Algorithms that a JSON Web Token may be signed with. Those with a shared secret are never accepted.',
  },
  JWT_RIGHTS_CLAIM: {
    kind: 'text',
    default: 'scope',
    sentence:
      'Claim with the rights, a list or a text with spaces: publish, consume, admin, also as dwell:publish. Dots lead into objects.',
  },
  JWT_TOPICS_CLAIM: {
    kind: 'text',
    default: 'dwell_topics',
    sentence:
      'Claim with the topics, as in the file of tokens. A token without it is for none; empty: all are for all topics.',
  },
  TOKEN_REQUESTS_PER_SECOND_MAX: {
    kind: 'count',
    default: 0,
    min: 0,
    max: 10_000_000,
    sentence:
      'Requests a second of one token, beyond which they are answered 429; 0 any. A token may have its own limits.',
  },
  TOKEN_BYTES_PER_SECOND_MAX: {
    kind: 'bytes',
    default: 0,
    min: 0,
    max: 16 * GIB,
    sentence: 'Bytes of bodies a second of one token; what was more is paid by waiting (429). 0 any.',
  },
  TOKEN_CONNECTIONS_MAX: {
    kind: 'count',
    default: 0,
    min: 0,
    max: 1_000_000,
    sentence: 'Connections that one token may use at once; 0 any.',
  },
  TOKEN_WAITING_MAX: {
    kind: 'count',
    default: 0,
    min: 0,
    max: 1_000_000,
    sentence: 'Calls of acquire of one token that may wait at once; 0 any.',
  },
  TOKEN_TOPICS_MAX: {
    kind: 'count',
    default: 0,
    min: 0,
    max: 1_000_000,
    sentence: 'Topics, of those that a token sees, beyond which it creates none; 0 any.',
  },
  TOKEN_PENDING_MAX: {
    kind: 'count',
    default: 0,
    min: 0,
    max: 1_000_000_000,
    sentence:
      'Delayed messages waiting for the topics that a token sees, beyond which it publishes none with a delay; 0 any.',
  },
  TOKEN_PENDING_BYTES_MAX: {
    kind: 'bytes',
    default: 0,
    min: 0,
    max: 16 * TIB,
    sentence: 'Bytes that those messages take, beyond which it publishes none with a delay; 0 any.',
  },
  TOPIC_PENDING_MAX: {
    kind: 'count',
    default: 0,
    min: 0,
    max: 1_000_000_000,
    sentence: 'Delayed messages waiting for one topic, beyond which none with a delay is taken for it (429); 0 any.',
  },
  TOPIC_PENDING_BYTES_MAX: {
    kind: 'bytes',
    default: 0,
    min: 0,
    max: 16 * TIB,
    sentence:
      'Bytes that delayed messages waiting for one topic take, beyond which none with a delay is taken for it (429); 0 any.',
  },
  TOPICS_MAX: {
    kind: 'count',
    default: 20_000,
    min: 1,
    max: 1_000_000,
    sentence: 'Topics that there may be, without those of groups.',
  },
  PARTITIONS_MAX: {
    kind: 'count',
    default: 100_000,
    min: 1,
    max: 10_000_000,
    sentence: 'Partitions that all topics may have together, without those of groups.',
  },
  GROUPS_MAX: {
    kind: 'count',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    sentence: 'Groups that there may be, of all topics.',
  },
  ARRIVING_BYTES_MAX: {
    kind: 'bytes',
    default: 256 * MIB,
    min: MIB,
    max: 64 * GIB,
    sentence: 'Bytes of bodies that are arriving, all requests together, beyond which more are answered 503.',
  },
  BODY_BYTES_PER_SECOND_MIN: {
    kind: 'bytes',
    default: 1024,
    min: 0,
    max: GIB,
    sentence: 'Bytes a second that a body has to bring, over ten seconds, or it is cut off (408); 0 any.',
  },
  ANSWER_TIMEOUT: {
    kind: 'duration',
    default: 60_000,
    min: 1_000,
    max: 3_600_000,
    sentence: 'How long a client may leave an answer unread, beyond which its connection is closed.',
  },
  ACQUIRES_WAITING_MAX: {
    kind: 'count',
    default: 20_000,
    min: 1,
    max: 1_000_000,
    sentence: 'Calls of acquire that may wait at once, beyond which they are answered 503.',
  },
  CONNECTIONS_MAX: {
    kind: 'count',
    default: 20_000,
    min: 1,
    max: 1_000_000,
    sentence: 'Connections of clients at once; no more than there are descriptors left for.',
  },
  ADDRESS_CONNECTIONS_MAX: {
    kind: 'count',
    default: 0,
    min: 0,
    max: 1_000_000,
    sentence: 'Connections from one address at once, or one /64 of IPv6; 0 as many as in all. Mind a proxy before it.',
  },
  TLS_CERTIFICATE_FILE: {
    kind: 'text',
    default: '',
    sentence:
      'Certificate of the service with those above it, PEM: with it, HTTPS. Read again when it changes, as its key is.',
  },
  TLS_KEY_FILE: { kind: 'text', default: '', sentence: 'Private key of that certificate, PEM.', secret: true },
  TLS_CLIENT_CA_FILE: {
    kind: 'text',
    default: '',
    sentence: 'Certificates that sign those of clients, PEM: with it, only clients that have such a one can connect.',
  },
} as const satisfies Record<string, SettingRow>

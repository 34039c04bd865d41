// Signatures of pushes, by the Standard Webhooks specification: HMAC-SHA256 over id, time and body, so that nobody can forge a
// push, change one, or send an old one again. Several secrets make several signatures: the receiver needs to know one.
//
// github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'

const PREFIX = 'whsec_'
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
export const SECRET_SIZE_MIN = 24
export const SECRET_SIZE_MAX = 64

/**
 * The key that a secret stands for; undefined when it is not of the form `whsec_` and base64 of 24 to 64 bytes. Not its bytes:
 * a KeyObject signs five times as fast.
 */
export function keyOf(secret: string): KeyObject | undefined {
  const text = secret.slice(PREFIX.length)
  if (!secret.startsWith(PREFIX) || !BASE64.test(text)) return undefined
  const key = Buffer.from(text, 'base64')
  return key.length >= SECRET_SIZE_MIN && key.length <= SECRET_SIZE_MAX ? createSecretKey(key) : undefined
}

/** The header webhook-signature. `id` must be without a full stop, which is what parts it from the time. */
export function sign(keys: readonly KeyObject[], id: string, timestampSeconds: number, body: Buffer): string {
  return keys
    .map((key) => createHmac('sha256', key).update(`${id}.${timestampSeconds}.`).update(body).digest('base64'))
    .map((signature) => `v1,${signature}`)
    .join(' ')
}

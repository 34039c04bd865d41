// Calls that wait, and what tells each that nobody waits for it any more: its client left, or the service stops.
//
// Hot path: to abort makes an error with a stack, and a listener of its own on what stops the service was as dear again;
// together 8 % of the time of a call that takes one record. So there is one listener, and what was answered is not aborted.

import type { ServerResponse } from 'node:http'

export class Waiting {
  readonly #stopping: AbortSignal
  readonly #calls = new Set<AbortController>()

  constructor(stopping: AbortSignal) {
    this.#stopping = stopping
    stopping.addEventListener('abort', () => {
      for (const call of this.#calls) call.abort()
    })
  }

  /** Aborts when the connection is gone before the answer is out, or the service stops. */
  signalOf(answer: ServerResponse): AbortSignal {
    if (this.#stopping.aborted) return this.#stopping
    const call = new AbortController()
    this.#calls.add(call)
    answer.once('close', () => {
      this.#calls.delete(call)
      if (!answer.writableFinished) call.abort()
    })
    return call.signal
  }
}

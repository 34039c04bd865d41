// A client as the workers share it: sends a call, writes down how it ended, and stands still while the server is down.

import type { Call, History } from '../checker/history.ts'
import { type Answer, type CallOptions, type HttpClient, NoAnswer } from '../support/http-client.ts'

export class Caller {
  readonly history: History
  #client: HttpClient | undefined
  #resumed = Promise.withResolvers<HttpClient>()

  constructor(history: History) {
    this.history = history
  }

  /** The server is going down: calls fail at once, `ready` waits. */
  pause(): void {
    if (this.#client === undefined) return
    this.#client = undefined
    this.#resumed = Promise.withResolvers()
  }

  resume(client: HttpClient): void {
    this.#client = client
    this.#resumed.resolve(client)
  }

  /** Resolves while there is a server. */
  get ready(): Promise<unknown> {
    return this.#resumed.promise
  }

  /** The answer when it is a success (or one of `also`); otherwise undefined, and the event that says why is written. */
  async call(
    op: number,
    call: Call,
    method: string,
    path: string,
    options: CallOptions,
    also: readonly number[] = [],
  ): Promise<Answer | undefined> {
    const client = this.#client
    if (client === undefined) {
      this.history.fail(op, call, 'the server is down')
      return undefined
    }
    try {
      const answer = await client.call(method, path, options)
      if (answer.status < 300 || also.includes(answer.status)) return answer
      const why = `${answer.status} ${answer.text.slice(0, 300)}`
      // 507 says that nothing was done, and why.
      if (answer.status >= 500 && answer.status !== 507) this.history.info(op, call, why)
      else this.history.fail(op, call, why)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      if (error.sent) this.history.info(op, call, error.message)
      else this.history.fail(op, call, error.message)
    }
    return undefined
  }
}

export function sleep(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined))
}

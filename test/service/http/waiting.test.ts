// Who waits learns that nobody waits for it any more.

import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import t from 'tap'
import { Waiting } from '../../../service/http/waiting.ts'

const answerOf = (writableFinished: boolean) =>
  Object.assign(new EventEmitter(), { writableFinished }) as unknown as ServerResponse

t.test('a client that leaves ends its own call, an answer that is out none', (t) => {
  const waiting = new Waiting(new AbortController().signal)
  const [left, answered, other] = [answerOf(false), answerOf(true), answerOf(false)]
  const signals = [left, answered, other].map((answer) => waiting.signalOf(answer))
  left.emit('close')
  answered.emit('close')
  t.same(
    signals.map(({ aborted }) => aborted),
    [true, false, false],
  )
  t.end()
})

t.test('a stop ends all calls that still wait, and those that come', (t) => {
  const stopping = new AbortController()
  const waiting = new Waiting(stopping.signal)
  const answered = answerOf(true)
  const [before, gone] = [waiting.signalOf(answerOf(false)), waiting.signalOf(answered)]
  answered.emit('close')
  stopping.abort()
  t.ok(before.aborted)
  t.notOk(gone.aborted, 'the call is forgotten when its answer is out')
  t.ok(waiting.signalOf(answerOf(false)).aborted)
  t.end()
})

// A consumer that a command runs until it is interrupted, or has what it was asked for.
//
// Always true: what goes wrong is told once while it stays the same, and tried again; what ends the consumer is the exit code.

import type { CallError, ConsumerOptions, Handler } from '../../client/index.ts'
import { EXIT, exitCodeOf } from '../exit-codes.ts'
import { tell } from '../terminal.ts'
import type { Remote } from './remote.ts'

/** Answers the exit code. @throws CallError when nobody answers at the beginning */
export async function runConsumer(
  remote: Remote,
  [topic, group]: readonly string[],
  handle: Handler<unknown>,
  options: ConsumerOptions,
): Promise<number> {
  const { client, output, signal } = remote
  // A consumer would wait for a service that comes back; who has typed a wrong address wants to know.
  await client.ready({ signal })
  let told = ''
  const onError = (error: CallError) => {
    if (error.message === told) return
    told = error.message
    void tell(remote, error)
    const isAwaited = error.retryable || (error.code === 'TOPIC_NOT_FOUND' && !options.untilEmpty)
    if (isAwaited && !remote.json) void remote.notes.line('It is tried again until it works; Ctrl-C ends it.')
  }
  const handleWhileRead: Handler<unknown> = async (record, context) => {
    const outcome = await handle(record, context)
    // `| head`: nobody wants more.
    if (output.closed) void consumer.stop()
    return outcome
  }
  const consumer = client.consume(topic, group, handleWhileRead, { ...options, signal, onError })
  try {
    await consumer.done
    return EXIT.DONE
  } catch (error) {
    return exitCodeOf(error)
  }
}

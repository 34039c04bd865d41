// What is open is closed from the last to the first, whatever one of the parts does.

import t from 'tap'
import { Opened } from '../../../service/layers/opened.ts'

t.test('a part that cannot be closed keeps none of the others open', async (t) => {
  const said: unknown[] = []
  const ignore = () => {}
  const opened = new Opened({ debug: ignore, info: ignore, warn: ignore, error: ({ part }) => said.push(part) })
  const closed: string[] = []
  const refused = (why: string) => async () => {
    throw new Error(why)
  }
  opened.add('lock', async () => closed.push('lock'))
  opened.add('engine', refused('the disk is gone'))
  opened.add('wheel', async () => closed.push('wheel'))
  opened.add('pusher', refused('an endpoint hangs'))
  opened.add('canary', async () => closed.push('canary'))

  await t.rejects(opened.close(), { message: 'an endpoint hangs' }, 'what went wrong first')
  t.same(closed, ['canary', 'wheel', 'lock'])
  t.same(said, ['pusher', 'engine'], 'each is told of by its name')
  await opened.close()
  t.equal(closed.length, 3, 'each is closed once')
})

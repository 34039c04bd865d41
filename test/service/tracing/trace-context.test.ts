// W3C Trace Context, as it comes and as it is kept.

import t from 'tap'
import {
  contextHeaders,
  flagsOf,
  isSampled,
  recordContext,
  requestContext,
  spanIdOf,
  traceIdOf,
} from '../../../service/tracing/trace-context.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const GIVEN = `00-${TRACE}-${SPAN}-01`

t.test('a context is taken as it is, and taken apart', async (t) => {
  const context = requestContext({ traceparent: GIVEN, tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE' })
  t.strictSame(context, { traceparent: GIVEN, tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE' })
  if (context === undefined) return
  t.equal(traceIdOf(context), TRACE)
  t.equal(spanIdOf(context), SPAN)
  t.equal(flagsOf(context), 1)
  t.ok(isSampled(context))
  t.notOk(isSampled({ traceparent: `00-${TRACE}-${SPAN}-02`, tracestate: undefined }))
  t.strictSame(recordContext(contextHeaders(context)), context, 'a record keeps all of it')
})

const NONE: [what: string, traceparent: string | string[] | undefined][] = [
  ['nothing', undefined],
  ['empty', ''],
  ['no trace id', `00-${'0'.repeat(32)}-${SPAN}-01`],
  ['no span id', `00-${TRACE}-${'0'.repeat(16)}-01`],
  ['upper case', GIVEN.toUpperCase()],
  ['too short', GIVEN.slice(0, -1)],
  ['more than version 00 has', `${GIVEN}-more`],
  ['the version that is none', `ff-${TRACE}-${SPAN}-01`],
  ['a version of three digits', `000-${TRACE}-${SPAN}-01`],
  ['a later version, and more without a dash', `cc-${TRACE}-${SPAN}-01more`],
  ['blanks', ` ${GIVEN}`],
  ['two of them, as Node joins them', `${GIVEN}, ${GIVEN}`],
  ['two of them', [GIVEN, GIVEN]],
  ['very long', `01-${TRACE}-${SPAN}-zz${'x'.repeat(10_000)}`],
]
for (const [what, traceparent] of NONE) {
  t.test(`${what}: no context, and no error`, async (t) => {
    t.equal(requestContext({ traceparent, tracestate: 'a=b' }), undefined)
    if (typeof traceparent === 'string') {
      t.equal(recordContext([['traceparent', Buffer.from(traceparent)]]), undefined)
    }
  })
}

t.test('of a later version what version 00 knows is kept', async (t) => {
  t.equal(requestContext({ traceparent: `cc-${TRACE}-${SPAN}-03-what-else` })?.traceparent, GIVEN)
  t.equal(requestContext({ traceparent: `cc-${TRACE}-${SPAN}-fe` })?.traceparent, `00-${TRACE}-${SPAN}-00`)
})

t.test('a tracestate that is too long, or no text, is left out', async (t) => {
  const stateOf = (tracestate: string | string[]) => requestContext({ traceparent: GIVEN, tracestate })?.tracestate
  t.equal(stateOf(`a=${'x'.repeat(510)}`)?.length, 512)
  t.equal(stateOf(`a=${'x'.repeat(511)}`), undefined)
  t.equal(stateOf('a=\u00fc'), undefined)
  t.equal(stateOf('a=b\nc'), undefined)
  t.equal(stateOf(['a=b', 'c=d']), 'a=b,c=d')
})

t.test('a record whose header has no value, or that has none, has no context', async (t) => {
  t.equal(recordContext([]), undefined)
  t.equal(recordContext([['traceparent', null]]), undefined)
})

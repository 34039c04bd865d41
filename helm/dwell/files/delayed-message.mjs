// Publishes a message with a delay of two seconds, acquires it when it is due, and accepts it. Ends with 1 when it is
// early, late by more than ten seconds, another one, or not there.

const address = process.env.DWELL_URL
const token = process.env.DWELL_TOKEN
const topic = `helm-test-${Date.now()}`
const DELAY_MS = 2_000

async function call(method, path, body) {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' }
  if (token !== undefined) headers.authorization = `Bearer ${token.trim()}`
  const response = await fetch(`${address}${path}`, { method, headers, body: body && JSON.stringify(body) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

const publishedMs = Date.now()
await call('POST', `/v1/topics/${topic}/messages`, { value: { test: topic }, delay: DELAY_MS })
const group = `/v1/topics/${topic}/groups/test`
const { records } = await call('POST', `${group}/acquire`, { wait: '12s' })
const tookMs = Date.now() - publishedMs
if (records.length !== 1 || records[0].value.test !== topic) throw new Error('The message did not come.')
if (tookMs < DELAY_MS) throw new Error(`The message came after ${tookMs} ms, before it was due.`)
const { results } = await call('POST', `${group}/acknowledge`, {
  acknowledgements: [{ receipt: records[0].receipt, type: 'accept' }],
})
if (results[0].state !== 'acknowledged') throw new Error(`Accepting answered ${results[0].state}.`)
await call('DELETE', `/v1/topics/${topic}`)
console.log(`A message with a delay of ${DELAY_MS} ms came after ${tookMs} ms and was accepted.`)

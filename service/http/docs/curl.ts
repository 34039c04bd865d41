// A call of a route that can be pasted into a shell, made of the examples in the document.

import { exampleOf, type Route, takesNothing } from './openapi-document.ts'

const ADDRESS = 'http://localhost:7200'

/** `withToken`: the service asks for tokens, so the call has one. */
export function curlOf({ method, path, operation }: Route, withToken: boolean): string {
  const { parameters = [], requestBody, security = [] } = operation
  const exampleFor = (name: string) => String(parameters.find((parameter) => parameter.name === name)?.example ?? name)
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(exampleFor(name)))
  const query = parameters
    .filter((parameter) => parameter.in === 'query' && (parameter.required || parameter.example !== undefined))
    .map(({ name, example }) => `${name}=${encodeURIComponent(String(example ?? ''))}`)
  const url = ADDRESS + filled + (query.length === 0 ? '' : `?${query.join('&')}`)
  const lines = [`curl -s ${method === 'GET' ? '' : `-X ${method} `}${quoted(url)}`]
  if (withToken && security.length > 0) lines.push('-H "Authorization: Bearer $DWELL_TOKEN"')
  const [type, media] = Object.entries(requestBody?.content ?? {})[0] ?? []
  if (type !== undefined && media !== undefined && !takesNothing(media.schema)) {
    const body = exampleOf(media)
    lines.push(`-H ${quoted(`Content-Type: ${type === '*/*' ? 'text/plain' : type}`)}`)
    lines.push(`-d ${quoted(typeof body === 'string' ? body : JSON.stringify(body ?? {}))}`)
  }
  return lines.join(' \\\n  ')
}

function quoted(text: string): string {
  return /^[\w.:/=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

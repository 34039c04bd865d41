// Whatever a test is answered stands in the document: the status, and the code of a problem. Cheap enough for every request of
// every test; fields and types are held by answers.ts.

import { codesOf } from './breaking.ts'
import { FROZEN, type OpenApi, type Route, readDocument, routesOf } from './document.ts'

interface Documented {
  pattern: RegExp
  route: Route
  codes: Map<string, string>
}

/** What is no answer of a route, but of the path, the connection or the moment. */
const ANYWHERE = ['METHOD_NOT_ALLOWED', 'ROUTE_NOT_FOUND']

let known: Documented[] | undefined

/** @throws Error when the document lacks what a server answered on one of its routes */
export function checkDocumented(
  method: string,
  path: string,
  answer: { status: number; json: { code?: string } },
): void {
  known ??= documentedIn(readDocument(FROZEN))
  const [pathname] = path.split('?')
  const found = known.find(({ route, pattern }) => route.method === method && pattern.test(pathname))
  if (found === undefined) return
  const { status, json } = answer
  const isProblem = status >= 400 && json?.code !== undefined
  if (isProblem && ANYWHERE.includes(String(json.code))) return
  const isDocumented = isProblem
    ? found.codes.has(String(json.code))
    : String(status) in found.route.operation.responses
  if (!isDocumented)
    throw new Error(`The document does not say that ${found.route.name} may answer ${status} ${json?.code ?? ''}.`)
}

/** What is most particular first: `/delayed/{id}` is no `/{topic}`. */
function documentedIn(document: OpenApi): Documented[] {
  const routes = routesOf(document).map((route) => {
    const pattern = new RegExp(`^${route.path.replaceAll(/\{\w+\}/g, '[^/]*')}$`)
    return { route, pattern, codes: codesOf(document, route.operation) }
  })
  return routes.sort((a, b) => a.route.path.split('{').length - b.route.path.split('{').length)
}

// Which methods each path takes: what a request to a known path by another method is told.
//
// Bound: one pattern for each path that was added. It is asked only when no route was found.

interface KnownPath {
  pattern: RegExp
  methods: Set<string>
}

export class KnownPaths {
  readonly #paths = new Map<string, KnownPath>()

  /** `url` as it is given to the router: `/v1/topics/:topic`. */
  add(method: string | readonly string[], url: string): void {
    const known = this.#paths.get(url) ?? { pattern: patternOf(url), methods: new Set() }
    for (const one of [method].flat()) known.methods.add(one)
    this.#paths.set(url, known)
  }

  /** The methods that `path` takes, by name; none for one that is not known. */
  methodsOf(path: string): string[] {
    const known = [...this.#paths.values()].filter(({ pattern }) => pattern.test(path))
    return [...new Set(known.flatMap(({ methods }) => [...methods]))].sort()
  }
}

function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => (part.startsWith(':') ? '[^/]*' : part.replaceAll('.', '\\.')))
  return new RegExp(`^${parts.join('/')}$`)
}

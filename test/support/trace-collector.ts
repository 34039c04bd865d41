// A collector of traces: takes OTLP over HTTP as JSON, and keeps the spans.

import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export interface CollectedSpan {
  name: string
  /** As OTLP numbers them: 2 server, 3 client. */
  kind: number
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  links: { traceId: string; spanId: string; attributes: Record<string, unknown> }[]
  attributes: Record<string, unknown>
  startMs: number
  endMs: number
  /** 2 an error. */
  status: number
}

export class TraceCollector {
  readonly spans: CollectedSpan[] = []
  /** All that came, as it came. */
  readonly bodies: string[] = []
  readonly headers: IncomingHttpHeaders[] = []
  readonly resources: Record<string, unknown>[] = []
  readonly url: string
  requests = 0
  /** What it answers; with 0 it hangs. Only with 200 it keeps what it is sent. */
  status = 200

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}/v1/traces`
  }

  static async start(t: Test): Promise<TraceCollector> {
    const hanging: ServerResponse[] = []
    const server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part) => parts.push(part))
      request.on('end', () => {
        collector.headers.push(request.headers)
        collector.requests++
        if (collector.status === 0) return void hanging.push(response)
        if (collector.status === 200) collector.#take(Buffer.concat(parts).toString())
        response.writeHead(collector.status, { 'content-type': 'application/json' }).end('{}')
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const collector = new TraceCollector((server.address() as AddressInfo).port)
    t.teardown(() => {
      // With this nobody tries again.
      for (const response of hanging) response.writeHead(400).end()
      server.close()
      server.closeIdleConnections()
    })
    return collector
  }

  named(name: string): CollectedSpan[] {
    return this.spans.filter((span) => span.name === name).sort((a, b) => a.startMs - b.startMs)
  }

  #take(body: string): void {
    this.bodies.push(body)
    for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans) {
      this.resources.push(attributesOf(resource.attributes))
      for (const { spans } of scopeSpans) {
        for (const span of spans) {
          this.spans.push({
            ...{ name: span.name, kind: span.kind, traceId: span.traceId, spanId: span.spanId },
            parentSpanId: span.parentSpanId || undefined,
            links: (span.links ?? []).map((link: { traceId: string; spanId: string; attributes: Attribute[] }) => {
              return { traceId: link.traceId, spanId: link.spanId, attributes: attributesOf(link.attributes) }
            }),
            attributes: attributesOf(span.attributes),
            startMs: Number(span.startTimeUnixNano) / 1e6,
            endMs: Number(span.endTimeUnixNano) / 1e6,
            status: span.status?.code ?? 0,
          })
        }
      }
    }
  }
}

interface Attribute {
  key: string
  value: Record<string, unknown>
}

/** Whatever the kind of a value. */
function attributesOf(list: Attribute[] = []): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]))
}

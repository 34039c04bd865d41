#!/usr/bin/env -S node --max-semi-space-size=16 --heap-growing-percent=100 --external-memory-accounted-in-global-limit
// The program `dwell`. The young generation of the heap is kept small: what is published lives outside of it, and V8 would
// take a hundred megabytes more for garbage. What lies outside is counted with the heap: by itself, 64 MiB of it made for a
// full collection, of 10 to 40 ms, every three seconds at 2,000 delayed messages a second.
//
// What V8 compiles is kept beside the packages for the next start, which is then twice as fast. Not in the system's
// temporary folder: others could put code there. Where nothing can be written, nothing is kept.

import { enableCompileCache, flushCompileCache } from 'node:module'
import { join } from 'node:path'

enableCompileCache(join(import.meta.dirname, '..', 'node_modules', '.cache', 'dwell'))
const { run } = await import('./cli.ts')
await run(process.argv, process.env)
flushCompileCache()

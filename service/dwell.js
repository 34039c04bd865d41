#!/usr/bin/env -S node --max-semi-space-size=16 --heap-growing-percent=100 --external-memory-accounted-in-global-limit
// The command `dwell` as npm installs it. A working tree runs its sources; a package has what was built of them, since Node
// strips no types below node_modules. The flags are those of main.ts, where their reasons are.

import { existsSync } from 'node:fs'

const NODE_MIN = 24

if (Number.parseInt(process.versions.node, 10) < NODE_MIN) {
  process.stderr.write(`dwell needs Node ${NODE_MIN} or newer; this is ${process.versions.node}.\n`)
  process.exit(1)
}
const source = new URL('main.ts', import.meta.url)
await import(existsSync(source) ? source.href : new URL('../dist/service/main.js', import.meta.url).href)

#!/usr/bin/env -S node --max-semi-space-size=16
// The program `dwell`. The young generation of the heap is kept small: what is published lives outside of it, and V8 would
// take a hundred megabytes more for garbage.

import { run } from './cli.ts'

await run(process.argv, process.env)

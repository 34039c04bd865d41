// Given to node with `--import`: writes the address of every module that is loaded, a line each, to the file that
// LOADED_MODULES_FILE names.

import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

const path = process.env.LOADED_MODULES_FILE
if (path === undefined) throw new Error('LOADED_MODULES_FILE does not say where to.')

registerHooks({
  load(url, context, nextLoad) {
    appendFileSync(path, `${url}\n`)
    return nextLoad(url, context)
  },
})

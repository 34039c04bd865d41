// Renews the frozen document of the interface: node test/openapi/renew.ts. With --released it is taken for that of the release,
// which later ones are compared with: when a version is released, in the commit that names its date in the CHANGELOG.

import { writeFileSync } from 'node:fs'
import { documentText, FROZEN, RELEASED, servedDocument } from './document.ts'

const text = documentText(await servedDocument())
const paths = process.argv.includes('--released') ? [FROZEN, RELEASED] : [FROZEN]
for (const path of paths) {
  writeFileSync(path, text)
  console.log(`Wrote ${path}.`)
}

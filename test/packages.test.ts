// test/faults/README.md row A31: a package that was exchanged or that vanished. What is installed is what was looked at: the lock file says every
// package's bytes, nothing comes from anywhere but a registry, and the few that run something when they are installed are named.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..')

interface Package {
  version?: string
  resolved?: string
  integrity?: string
  link?: boolean
  inBundle?: boolean
  hasInstallScript?: boolean
  dev?: boolean
  license?: string
}

const { packages, lockfileVersion } = read('package-lock.json') as {
  packages: Record<string, Package>
  lockfileVersion: number
}
const own = read('package.json') as Record<
  'dependencies' | 'devDependencies' | 'allowScripts' | 'scripts',
  Record<string, string>
>
const installed = Object.entries(packages).filter(([path]) => path !== '')

/** A package that is used where the service runs may be used, changed and passed on without further conditions. */
const LICENSES = /^(MIT|ISC|BSD-[23]-Clause|Apache-2\.0|BlueOak-1\.0\.0|MIT OR Apache-2\.0|0BSD)$/

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, name), 'utf8'))
}

t.test('the lock file says the bytes of every package, and that it comes from a registry', async (t) => {
  t.equal(lockfileVersion, 3)
  t.ok(installed.length > 100)
  const wrong = installed.filter(([, { integrity, link, inBundle, version }]) => {
    return (
      !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? '') || link || inBundle || !/^\d+\.\d+\.\d+/.test(version ?? '')
    )
  })
  t.strictSame(wrong, [])
  // Where it lies is the registry's to say that `npm ci` is told of; an address in here would go past it.
  const elsewhere = installed.filter(([, { resolved }]) => resolved !== undefined)
  t.strictSame(elsewhere, [])
})

t.test('what the package asks for is exact, and is what the lock file has', async (t) => {
  for (const kind of ['dependencies', 'devDependencies'] as const) {
    for (const [name, version] of Object.entries(own[kind])) {
      t.match(version, /^\d+\.\d+\.\d+$/, `${name} is named by one version, not by a range or an address`)
      t.equal(packages[`node_modules/${name}`]?.version, version, name)
    }
  }
})

t.test('the packages that run something when they are installed are those that are named', async (t) => {
  const running = installed.filter(([, { hasInstallScript }]) => hasInstallScript)
  const names = running.map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length))
  t.strictSame(names.sort(), Object.keys(own.allowScripts).sort())
})

t.test('the service uses only packages that may be passed on', async (t) => {
  const others = installed.filter(([, { dev, license }]) => !dev && !LICENSES.test(license ?? ''))
  t.strictSame(others, [])
})

t.test('the bill of materials has every package that the service uses, with its bytes', async (t) => {
  const [command, ...words] = own.scripts.sbom.split(' ')
  const bill = JSON.parse(
    execFileSync(command, words, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  )
  t.match(bill, { bomFormat: 'CycloneDX', metadata: { component: { version: '0.1.0' } } })
  const used = installed.filter(([, { dev }]) => !dev)
  t.ok(bill.components.length >= Object.keys(own.dependencies).length && bill.components.length <= used.length)
  for (const { name, hashes } of bill.components) t.match(hashes, [{ alg: 'SHA-512' }], name)
  for (const name of Object.keys(own.dependencies))
    t.ok(
      bill.components.some((component: { name: string }) => component.name === name),
      name,
    )
})

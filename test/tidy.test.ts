// The house rules that a machine can check. Each rule reads the source; where a rule has exceptions they are listed
// here with their reason, so that adding one is a visible decision.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..')
const ROOMS = ['storage', 'timewheel', 'service']

/** What each room may import of the others, always by their index.ts. */
const DOORS: Record<string, string[]> = {
  storage: [],
  timewheel: ['storage/index.ts'],
  service: ['storage/index.ts', 'timewheel/index.ts'],
}

/** Upward imports inside a room that are right, each with its reason. */
const UPWARDS_ALLOWED: Record<string, string> = {
  'storage/base/directory-lock.ts imports storage/keyed/key-value-store.ts':
    'LevelDB holds the only lock of the operating system that dies with its holder and that Node can reach',
}

/** Those of storage that know what a partition is made of. */
const LOG_ROOMS = ['segment', 'journal', 'run', 'compaction', 'log', 'inspect', 'repair'].map(
  (room) => `storage/${room}`,
)

/** Where it is decided, turn by turn, what happens to a message. */
const WHEEL_LOOP = ['wheel', 'opening', 'consumption', 'changes', 'horizon', 'dispatcher', 'reach', 'index'].map(
  (name) => `timewheel/${name}.ts`,
)

/** What works with groups from outside of them. */
const AROUND_GROUPS = ['acquire', 'acknowledge', 'dead', 'look', 'explain'].map((room) => `service/delivery/${room}`)

/** Groups, and what is built upon them. */
const FROM_DELIVERY_UP = ['delivery', 'push', 'http', 'broker.ts', 'layers', 'cli.ts'].map((name) => `service/${name}`)

/** Inside a room: files in the folder on the left import nothing from what is listed on its right. */
const NOT_UPWARDS: Record<string, string[]> = {
  'storage/base': ['storage/batch', 'storage/engine.ts', 'storage/index.ts', 'storage/keyed', ...LOG_ROOMS],
  'storage/keyed': ['storage/batch', 'storage/engine.ts', 'storage/index.ts', ...LOG_ROOMS],
  'storage/batch': ['storage/index.ts', 'storage/keyed', ...LOG_ROOMS],
  'storage/segment': ['storage/index.ts', 'storage/journal', 'storage/log', 'storage/run', 'storage/compaction'],
  'storage/journal': ['storage/index.ts', 'storage/segment', 'storage/log', 'storage/run', 'storage/compaction'],
  'storage/log': ['storage/index.ts', 'storage/inspect', 'storage/repair'],
  'timewheel/entry': ['timewheel/slot', 'timewheel/census', 'timewheel/checkpoint', 'timewheel/list', ...WHEEL_LOOP],
  'timewheel/census': ['timewheel/slot', 'timewheel/checkpoint', 'timewheel/list', ...WHEEL_LOOP],
  'timewheel/slot': [
    'timewheel/census',
    'timewheel/checkpoint',
    'timewheel/list',
    'timewheel/pending.ts',
    ...WHEEL_LOOP,
  ],
  'timewheel/checkpoint': ['timewheel/list', 'timewheel/inspect', ...WHEEL_LOOP],
  'timewheel/list': ['timewheel/inspect', ...WHEEL_LOOP],
  'service/access': ['service/publish', ...FROM_DELIVERY_UP],
  'service/publish': FROM_DELIVERY_UP,
  'service/delivery/source': AROUND_GROUPS,
  'service/delivery/keys': AROUND_GROUPS,
  'service/delivery/group': AROUND_GROUPS,
  'service/delivery/acquire': AROUND_GROUPS.slice(1),
  'service/delivery/acknowledge': ['service/delivery/acquire', ...AROUND_GROUPS.slice(2)],
  'service/delivery/dead': ['service/delivery/acquire', 'service/delivery/look', 'service/delivery/explain'],
  'service/delivery/look': ['service/delivery/acquire', 'service/delivery/acknowledge', 'service/delivery/explain'],
  // It is loaded into other people's programs: of the service it knows the table of errors, and nothing that runs.
  'service/client': [
    'storage',
    'timewheel',
    'service/access',
    'service/http',
    'service/delivery',
    'service/push',
    'service/cli',
    'service/broker.ts',
    'service/layers',
    'service/settings.ts',
    'service/cli.ts',
    'service/main.ts',
  ],
  'service/delivery': [
    'service/http',
    'service/push',
    'service/broker.ts',
    'service/layers',
    'service/cli.ts',
    'service/main.ts',
  ],
  'service/tracing': [
    'service/push',
    'service/http',
    'service/broker.ts',
    'service/layers',
    'service/cli.ts',
    'service/main.ts',
  ],
  'service/push': ['service/http', 'service/broker.ts', 'service/layers', 'service/cli.ts', 'service/main.ts'],
  'service/http': ['service/cli.ts', 'service/main.ts'],
}

/** Packages that only one place may know. */
const PACKAGE_OF: Record<string, RegExp> = {
  'classic-level': /^storage\/keyed\//,
  'abstract-level': /^storage\/keyed\//,
  '@node-rs/crc32': /^storage\/base\/crc\.ts$/,
  'prom-client': /^service\/metrics/,
  undici: /^service\/push\//,
  jose: /^service\/access\//,
  '@opentelemetry/api': /^service\/tracing\//,
  '@opentelemetry/exporter-trace-otlp-http': /^service\/tracing\//,
  '@opentelemetry/resources': /^service\/tracing\//,
  '@opentelemetry/sdk-trace': /^service\/tracing\//,
}

interface Seam {
  of: string
  pattern: RegExp
  allowed: Record<string, string>
}

/** Disk, clock and chance are each reached through one file. */
const SEAMS: Seam[] = [
  {
    of: 'disk',
    pattern: /['"](node:)?fs(\/promises)?['"]/,
    allowed: {
      'storage/base/disk.ts': 'the seam itself',
      'storage/base/clock.ts': "reads the machine's boot id, which names a boot and is no data of ours",
      'service/cli/remote/contexts.ts': "the user's own file of addresses and tokens, in none of our directories",
      'service/cli/remote/connection.ts': 'reads the files of a token and of authorities that the user names',
      'service/cli/remote/doctor-data.ts': 'adds up how large the files are that it would check',
      'service/cli/remote/doctor-machine.ts': 'measures a sync on a file that has no name any more',
      'service/cli/remote/doctor.ts': 'writes the bundle where the user says',
      'service/cli/remote/publish-lines.ts': 'reads the file of messages that the user names',
      'storage/base/scratch.ts': 'makes links outside of any data directory, on which no promise rests',
    },
  },
  {
    of: 'clock',
    pattern:
      /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.|\bset(Timeout|Interval)\b|\bprocess\.(hrtime|uptime)\b|\buptime\(\)|(?<!\{ setImmediate( as \w+)? \} from )['"](node:)?timers(\/promises)?['"]|\bAbortSignal\.timeout\b/,
    allowed: {
      'storage/base/clock.ts': 'the seam itself',
      'service/client/surroundings.ts': "the client's own: it runs in other people's programs, without the storage",
    },
  },
  {
    of: 'chance',
    pattern: /\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\bgetRandomValues\b|\brandomInt\b|\brandomFill/,
    allowed: {
      'storage/base/random.ts': 'the seam itself',
      'service/client/surroundings.ts': "the client's own, as above",
    },
  },
]

const FORBIDDEN_NAMES = ['utils', 'util', 'helpers', 'helper', 'types', 'common', 'misc', 'shared', 'lib']

const LINES_WARN = 300
const LINES_MAX = 400
/** Tests are tables as often as not. */
const TEST_LINES_MAX = 600
/** Files above the ceiling, each with its reason and a ceiling of its own. */
const LONG_FILES: Record<string, { max: number; why: string }> = {}

interface Source {
  path: string
  text: string
  /** Without comments; strings kept. */
  code: string
}

function filesIn(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => `${folder}/${name}`)
    .sort()
    .map((path) => {
      const text = readFileSync(join(ROOT, path), 'utf8')
      return { path, text, code: withoutComments(text) }
    })
}

/** Replaces comments by blanks. Good enough for formatted source: strings that hold `//` are kept by looking behind. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[\s;{}()])\/\/.*$/gm, '$1')
}

const IMPORT =
  /^\s*(?:import|export)\b[^'"]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm

function importsOf({ path, code }: Source): string[] {
  return [...code.matchAll(IMPORT)]
    .map((found) => found[1] ?? found[2] ?? found[3])
    .map((to) => (to.startsWith('.') ? normalize(join(dirname(path), to)) : to))
}

const product = ROOMS.flatMap(filesIn)
const all = [...product, ...filesIn('test')]

t.test('rooms are entered by their one door, and imports go down', async (t) => {
  for (const source of product) {
    const room = source.path.split('/')[0]
    for (const to of importsOf(source)) {
      const toRoom = to.split('/')[0]
      if (!ROOMS.includes(toRoom) || toRoom === room) continue
      t.ok(DOORS[room].includes(to), `${source.path} imports ${to}`)
    }
  }
})

t.test('inside a room, imports go down', async (t) => {
  for (const source of product) {
    for (const [folder, above] of Object.entries(NOT_UPWARDS)) {
      if (!source.path.startsWith(`${folder}/`)) continue
      const upward = importsOf(source)
        .filter((to) => above.some((a) => to === a || to.startsWith(`${a}/`)))
        .filter((to) => !(`${source.path} imports ${to}` in UPWARDS_ALLOWED))
      t.same(upward, [], `${source.path} imports nothing above it`)
    }
  }
})

t.test('a relative import names an existing file of the repository, with its .ts', async (t) => {
  const known = new Set(all.map(({ path }) => path))
  for (const source of product) {
    for (const to of importsOf(source)) {
      if (!ROOMS.includes(to.split('/')[0])) continue
      t.ok(known.has(to), `${source.path} imports ${to}`)
    }
  }
})

t.test('product code imports nothing of the tests', async (t) => {
  for (const source of product) {
    t.same(
      importsOf(source).filter((to) => to.startsWith('test/') || to === 'tap'),
      [],
      source.path,
    )
  }
})

for (const { of, pattern, allowed } of SEAMS) {
  t.test(`the ${of} is reached through one file`, async (t) => {
    for (const { path, code } of product) {
      if (path in allowed) continue
      const lines = code.split('\n').filter((line) => pattern.test(line))
      t.same(lines, [], path)
    }
  })
}

t.test('a package that stands behind a seam is imported only there', async (t) => {
  for (const source of product) {
    for (const to of importsOf(source)) {
      const where = PACKAGE_OF[to]
      if (where) t.match(source.path, where, `${source.path} imports ${to}`)
    }
  }
})

t.test('every imported package is a dependency', async (t) => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  // This file holds made-up imports as examples.
  for (const source of all.filter(({ path }) => path !== 'test/tidy.test.ts')) {
    const known = source.path.startsWith('test/') ? { ...dependencies, ...devDependencies } : dependencies
    for (const to of importsOf(source)) {
      if (to.startsWith('node:') || [...ROOMS, 'test', 'package.json', 'dwell'].includes(to.split('/')[0])) continue
      const name = to.startsWith('@') ? to.split('/').slice(0, 2).join('/') : to.split('/')[0]
      t.ok(name in known, `${source.path} imports ${name}`)
    }
  }
})

t.test('a file is named after what it holds', async (t) => {
  for (const { path } of all) {
    const parts = path.replace(/(\.test)?\.ts$/, '').split('/')
    t.notOk(
      parts.some((part) => FORBIDDEN_NAMES.includes(part)),
      path,
    )
    t.match(parts.at(-1), /^[a-z0-9]+(-[a-z0-9]+)*$/, `${path} is lower case with dashes`)
  }
})

t.test(`a file stays below ${LINES_MAX} lines`, async (t) => {
  for (const { path, text } of all) {
    const lines = text.split('\n').length
    const max = LONG_FILES[path]?.max ?? (path.startsWith('test/') ? TEST_LINES_MAX : LINES_MAX)
    t.ok(lines <= max, `${path} has ${lines} of ${max}`)
    if (lines > LINES_WARN) t.comment(`${path} has ${lines} lines: is it still one concept?`)
  }
})

t.test('syntax is erasable, and nothing is left for later', async (t) => {
  for (const { path, text, code } of product) {
    t.notMatch(code, /^\s*(export\s+)?(declare\s+)?(const\s+)?enum\s/m, `${path} has no enum`)
    t.notMatch(code, /^\s*(export\s+)?(declare\s+)?(namespace|module)\s+\w/m, `${path} has no namespace`)
    t.notMatch(code, /\b(private|protected)\s+(?!constructor\b)/, `${path} uses #private`)
    t.notMatch(text, /\b(TODO|FIXME|XXX|HACK)\b/, `${path} has nothing left for later`)
    t.notMatch(code, /\bconsole\.(log|error|warn|info|debug)\b/, `${path} speaks through its log`)
  }
})

t.test('no inheritance but errors', async (t) => {
  for (const { path, code } of product) {
    for (const [, parent] of code.matchAll(/\bclass\s+\w+\s+extends\s+([\w.]+)/g)) {
      t.match(parent, /Error$/, `${path} extends ${parent}`)
    }
  }
})

t.test('every file of the product opens by saying what it is', async (t) => {
  for (const { path, text } of product) {
    if (path === 'service/main.ts') continue // Its two lines say it.
    t.match(text.split('\n').find((line) => !line.startsWith('#!')) ?? '', /^\/\/ \S/, relative(ROOT, join(ROOT, path)))
  }
})

t.test('the rules see what they forbid', async (t) => {
  const bad = (code: string): Source => ({ path: 'storage/log/x.ts', text: code, code: withoutComments(code) })
  t.same(importsOf(bad(`import { a } from '../../timewheel/index.ts'`)), ['timewheel/index.ts'])
  t.same(importsOf(bad(`export * from './y.ts'\nconst z = await import('../base/z.ts')`)), [
    'storage/log/y.ts',
    'storage/base/z.ts',
  ])
  t.same(importsOf(bad(`// import { a } from './y.ts'`)), [])
  t.match(`import fs from 'node:fs/promises'`, SEAMS[0].pattern)
  t.match('const now = Date.now()', SEAMS[1].pattern)
  t.match('new Date()', SEAMS[1].pattern)
  t.notMatch('new Date(ms)', SEAMS[1].pattern)
  t.match('Math.random()', SEAMS[2].pattern)
})

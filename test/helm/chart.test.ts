// The chart renders what it rendered, objects that Kubernetes knows, and refuses values that cannot be right. What is
// generated of it is what it would be if it were generated now.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { hashOf, isTokenShaped } from '../../service/access/token.ts'
import { readTokenRows } from '../../service/access/tokens-file.ts'
import { parseDuration } from '../../service/duration.ts'
import { SETTINGS } from '../../service/settings.ts'
import { CHART, GOLDEN, golden, needs, needsSchemas, RENDERS, ROOT, render, run, SCHEMAS } from './chart.ts'
import { README, renewed } from './readme.ts'
import { OF_THE_CHART, type Schema, schemaText } from './values-schema.ts'

const RENEW = 'to renew it: node test/helm/renew.ts'
const read = (path: string) => readFileSync(path, 'utf8')

t.test('the schema of the values is that of the rows of settings', async (t) => {
  t.equal(read(join(CHART, 'values.schema.json')), schemaText(), RENEW)
  const { settings } = parse(schemaText()).properties
  const names = Object.keys(SETTINGS).filter((name) => !OF_THE_CHART.has(name))
  t.same(Object.keys(settings.properties), names, 'each setting is a value')
})

t.test('every value has a sentence, and a default where it is no setting', async (t) => {
  t.equal(read(README), renewed(read(README)), RENEW)
  const walk = (schema: Schema, value: unknown, path: string) => {
    for (const [name, property] of Object.entries((schema.properties ?? {}) as Record<string, Schema>)) {
      const inner = (value as Record<string, unknown> | undefined)?.[name]
      if (property.properties === undefined) t.type(property.description, 'string', `${path}${name} has a sentence`)
      if (path === 'settings.' || path.startsWith('probes.') || name === 'global') continue
      t.not(inner, undefined, `${path}${name} is in values.yaml`)
      walk(property, inner, `${path}${name}.`)
    }
  }
  walk(parse(schemaText()), parse(read(join(CHART, 'values.yaml'))), '')
})

t.test('the version of the chart is that of the program', async (t) => {
  const { appVersion } = parse(read(join(CHART, 'Chart.yaml')))
  t.equal(appVersion, JSON.parse(read(join(ROOT, 'package.json'))).version)
})

t.test('it is without lint', needs('helm'), async (t) => {
  for (const [name, values] of Object.entries(RENDERS)) {
    const { status, stdout } = run('helm', ['lint', '--strict', CHART, ...(values ? ['--values', values] : [])])
    t.equal(status, 0, `${name}: ${stdout}`)
  }
})

t.test('it renders what it rendered', needs('helm'), async (t) => {
  for (const [name, values] of Object.entries(RENDERS)) {
    t.equal(golden(render(values).stdout), read(join(GOLDEN, `${name}.yaml`)), `${name}; ${RENEW}`)
  }
})

interface PodSpec {
  automountServiceAccountToken?: boolean
  hostNetwork?: boolean
  hostPID?: boolean
  hostIPC?: boolean
  securityContext: { runAsNonRoot?: boolean; seccompProfile?: object }
  initContainers?: Container[]
  containers: Container[]
  volumes?: { hostPath?: object }[]
}

interface Container {
  securityContext: object
  ports?: { hostPort?: number }[]
}

function podsOf(text: string): PodSpec[] {
  const documents = text.split(/^---$/m).map((part) => parse(part))
  return documents.flatMap((object) =>
    object?.kind === 'Pod'
      ? [object.spec]
      : object?.spec?.template?.spec === undefined
        ? []
        : [object.spec.template.spec],
  )
}

// test/faults/README.md row A32.
t.test(
  'every pod keeps the standard `restricted`, writes to volumes only, and has no token of the cluster',
  async (t) => {
    for (const name of Object.keys(RENDERS)) {
      const pods = podsOf(read(join(GOLDEN, `${name}.yaml`)))
      t.ok(pods.length > 0, name)
      for (const pod of pods) {
        t.match(pod.securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } }, name)
        t.match(pod, { hostNetwork: undefined, hostPID: undefined, hostIPC: undefined }, name)
        t.equal(pod.automountServiceAccountToken, false, name)
        for (const volume of pod.volumes ?? []) t.notOk(volume.hostPath, name)
        for (const { securityContext, ports = [] } of [...(pod.initContainers ?? []), ...pod.containers]) {
          t.match(securityContext, {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'], add: undefined },
            privileged: undefined,
          })
          for (const { hostPort } of ports) t.equal(hostPort, undefined, name)
        }
      }
    }
  },
)

t.test('Kubernetes knows every field of it', needsSchemas(), async (t) => {
  const conform = (yaml: string) => run('kubeconform', ['-strict', '-schema-location', SCHEMAS, '-'], yaml)
  for (const [name, values] of Object.entries(RENDERS)) {
    const { status, stdout, stderr } = conform(render(values).stdout)
    t.equal(status, 0, `${name}: ${stdout}${stderr}`)
  }
  for (const name of readdirSync(join(ROOT, 'helm', 'keda'))) {
    const { status, stdout, stderr } = conform(read(join(ROOT, 'helm', 'keda', name)))
    t.equal(status, 0, `keda/${name}: ${stdout}${stderr}`)
  }
  t.equal(conform('{apiVersion: v1, kind: Service, spec: {prots: []}}').status, 1, 'what it does not know is seen')
})

t.test('without the CRDs of Prometheus nothing is made that needs them', needs('helm'), async (t) => {
  const { stdout } = run('helm', ['template', 'queue', CHART])
  t.notMatch(stdout, 'monitoring.coreos.com')
  t.match(stdout, 'kind: StatefulSet')
})

t.test('a claim that is there already takes the place of one that is made', needs('helm'), async (t) => {
  const { stdout } = render(undefined, '--set', 'persistence.existingClaim=data-of-old')
  t.match(stdout, /claimName: data-of-old\n/)
  t.notMatch(stdout, /volumeClaimTemplates|RetentionPolicy/)
})

t.test(
  'tokens and certificates are what the service, its probes and those who call it use',
  needs('helm'),
  async (t) => {
    const { stdout } = render(RENDERS.access)
    t.match(stdout, /DWELL_TOKENS_FILE: \/etc\/dwell\/tokens\/tokens.json\n/)
    t.match(stdout, /DWELL_OPEN_TO_ANYONE: "false"\n/)
    t.match(
      stdout,
      /DWELL_ALLOWED_HOSTS: "queue-dwell,queue-dwell.queues,queue-dwell.queues.svc,.*,\*.queues.example.com"/,
    )
    t.equal(stdout.match(/scheme: HTTPS\n/g)?.length, 3, 'all probes')
    t.equal(stdout.match(/scheme: https\n/g)?.length, 1, 'Prometheus')
    t.match(stdout, /value: https:\/\/queue-dwell:7200\n/, 'the test')
    t.notMatch(stdout, /kind: Secret\n/, 'those of others are used')
    t.notMatch(
      render(RENDERS.access, '--set', 'test.tokenSecret.name=').stdout,
      /kind: Pod\n/,
      'without a token no test',
    )
    t.not(render(undefined, '--set', 'access.tls.certificate=x').status, 0, 'a certificate without its key')
  },
)

t.test('where nobody decided who may come in, the chart makes tokens', needs('helm'), async (t) => {
  const secret = (...more: string[]) => {
    const { stdout } = render(
      undefined,
      '--api-versions',
      'v1/Secret',
      '--show-only',
      'templates/secrets.yaml',
      ...more,
    )
    const { data } = parse(stdout) as { data: Record<string, string> }
    return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64').toString()]))
  }
  const made = secret()
  const rows = readTokenRows(made['tokens.json'])
  t.strictSame(Object.keys(made).sort(), ['admin', 'metrics', 'test', 'tokens.json'])
  for (const { name, sha256 } of rows) t.equal(sha256, hashOf(made[name]), `the hash of ${name} is that of its token`)
  t.ok(rows.every(({ name }) => isTokenShaped(made[name])))
  t.strictSame(rows.find(({ name }) => name === 'test')?.topics, ['helm-test-*'], 'each may do what it is for')
  t.not(secret().admin, made.admin, 'they are random')
  t.ok(secret('--set', 'access.tokens.key=rights.json')['rights.json'])

  const { stdout } = render(undefined)
  t.match(stdout, /DWELL_OPEN_TO_ANYONE: "false"\n/)
  t.match(stdout, /secretName: queue-dwell-tokens\n[^-]+items:\n\s+- key: tokens.json\n/, 'no token is in the pod')
  t.notMatch(stdout, /kind: Secret\n/, 'a render without a cluster is always the same')
  for (const decided of ['openToAnyone=true', 'tls.clients=true', 'tokens.existingSecret=ours']) {
    t.notMatch(
      render(undefined, '--set', `access.${decided}`, '--api-versions', 'v1/Secret').stdout,
      'queue-dwell-tokens',
    )
  }
  const webTokens = render(undefined, '--set', 'settings.JWT_KEYS=https://id.example.com/keys')
  t.notMatch(webTokens.stdout, 'queue-dwell-tokens')
  t.notMatch(render(RENDERS.sidecar).stdout, 'tokens', 'nobody reaches a sidecar')
})

t.test('a stop has time for what the settings say, and a checkpoint', needs('helm'), async (t) => {
  const seconds = (...values: string[]) => {
    const { stdout } = render(undefined, ...values.flatMap((value) => ['--set', value]))
    return Number(/terminationGracePeriodSeconds: (.*)\n/.exec(stdout)?.[1])
  }
  const { settings } = parse(read(join(CHART, 'values.yaml')))
  t.equal(parseDuration(settings.STOP_TIMEOUT, 'STOP_TIMEOUT'), SETTINGS.STOP_TIMEOUT.default)
  const askedMs = parseDuration(settings.STOP_DELAY, 'STOP_DELAY') + SETTINGS.STOP_TIMEOUT.default
  t.equal(seconds(), askedMs / 1_000 + 50)
  for (const [text, expected] of [['1m1500ms', 62], ['PT10M', 600], ['90000', 90], ['0.5m', 30]] as const) // biome-ignore format: short
    t.equal(seconds('settings.STOP_DELAY=0s', `settings.STOP_TIMEOUT=${text}`), expected + 50, text)
  t.equal(seconds('terminationGracePeriodSeconds=90'), 90)
  t.same(
    seconds('terminationGracePeriodSeconds=60', 'settings.STOP_TIMEOUT=1m'),
    Number.NaN,
    'less than that is refused',
  )
})

t.test('the pod of the test belongs to nothing of the service', needs('helm'), async (t) => {
  const pods = render(undefined)
    .stdout.split(/^---$/m)
    .map((yaml) => parse(yaml))
    .filter((object) => object !== null)
  const selector = pods.find(({ kind }) => kind === 'Service').spec.selector
  const labels = pods.find(({ kind }) => kind === 'Pod').metadata.labels
  t.ok(Object.entries(selector).some(([name, value]) => labels[name] !== value))
})

t.test('values that cannot be right are refused', needs('helm'), async (t) => {
  const refused: Record<string, RegExp> = {
    'replicas=-1': /replicas/,
    'replicas=2': /replicas/,
    'replica=1': /replica/,
    'settings.DELAY_MAX=tomorrow': /DELAY_MAX/,
    'settings.DELAY_MAX=-5s': /DELAY_MAX/,
    'settings.DELAYS_MAX=5s': /DELAYS_MAX/,
    'settings.METRICS_TOPICS_MAX=1001': /METRICS_TOPICS_MAX/,
    'settings.CHECKPOINT_BYTES=1MB': /CHECKPOINT_BYTES/,
    'settings.GROUP_RETRY={5s,soon}': /GROUP_RETRY/,
    'settings.LOG_LEVEL=loud': /LOG_LEVEL/,
    'settings.AUTO_CREATE_TOPICS=maybe': /AUTO_CREATE_TOPICS/,
    'settings.PORT=7300': /PORT/,
    'listen=1.2.3.4': /listen/,
    'settings.TOKENS_FILE=/x': /TOKENS_FILE/,
    'access.token=x': /access/,
    'port=0': /port/,
    'image.repository=': /repository/,
    'image.pullPolicy=Sometimes': /pullPolicy/,
    'persistence.size=much': /size/,
    'persistence.whenDeleted=Perhaps': /whenDeleted/,
    'terminationGracePeriodSeconds=-1': /terminationGracePeriodSeconds/,
    'probes.startup.periodSeconds=0': /periodSeconds/,
    'podDisruptionBudget.maxUnavailable=2': /maxUnavailable/,
    'metrics.serviceMonitor.interval=often': /interval/,
    'podAnnotations.a=1': /podAnnotations/,
  }
  for (const [value, named] of Object.entries(refused)) {
    const { status, stderr } = render(undefined, '--set', value)
    t.not(status, 0, `${value} is refused`)
    t.match(stderr, named, `${value}: it says which`)
  }
  for (const value of ['DELAY_MAX=PT36H', 'DELAY_MAX=1h30m', 'DELAY_MAX=60000', 'CHECKPOINT_BYTES=1 GiB']) {
    t.equal(render(undefined, '--set', `settings.${value}`).status, 0, `${value} is right`)
  }
})

t.test('the Dockerfile is without lint', needs('hadolint'), async (t) => {
  const { status, stdout } = run('hadolint', [join(ROOT, 'Dockerfile')])
  t.equal(status, 0, stdout)
})

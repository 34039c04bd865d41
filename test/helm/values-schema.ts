// The JSON schema of the chart's values: each value with its type and its sentence, and those of the service's settings
// out of their rows. What it refuses is refused by `helm install` before anything reaches the cluster.

import { rangeOf } from '../../service/config.ts'
import { SETTINGS, type SettingRow } from '../../service/settings.ts'

export interface Schema {
  description?: string
  [keyword: string]: unknown
}

/** The chart decides these itself. */
export const OF_THE_CHART = new Set([
  ...['HOST', 'PORT', 'DATA_DIR', 'TEST_CLOCK'],
  ...['OPEN_TO_ANYONE', 'ALLOWED_HOSTS', 'TOKENS_FILE', 'TLS_CERTIFICATE_FILE', 'TLS_KEY_FILE', 'TLS_CLIENT_CA_FILE'],
])

// Without look-ahead, which helm's regular expressions do not have.
const NUMBER = '[0-9]+(\\.[0-9]+)?'
const ISO_TIME = `T(${NUMBER}[HMS])+`
const DURATION = `^((${NUMBER}(ms|[smhd]))+|P(${NUMBER}[WD])+(${ISO_TIME})?|P${ISO_TIME})$`
const SIZE = '^[0-9]{1,15}(\\.[0-9]{1,3})? *(GiB|MiB|KiB|B)?$'

const text = (description: string): Schema => ({ type: 'string', description })
const flag = (description: string): Schema => ({ type: 'boolean', description })
const count = (description: string, minimum: number, maximum?: number): Schema => ({
  type: 'integer',
  minimum,
  ...(maximum === undefined ? {} : { maximum }),
  description,
})
/** Part of an object of Kubernetes: the API server judges what is in it. */
const objects = (description: string): Schema => ({ type: 'array', items: { type: 'object' }, description })
const object = (description: string): Schema => ({ type: 'object', description })
const texts = (description: string): Schema => ({
  type: 'object',
  additionalProperties: { type: 'string' },
  description,
})
const group = (properties: Record<string, Schema>, description?: string): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties,
  ...(description === undefined ? {} : { description }),
})

function ofRow(row: SettingRow): Schema {
  const description = `${row.sentence.slice(0, -1)}; ${rangeOf(row)}.`
  switch (row.kind) {
    case 'boolean':
      return flag(row.sentence)
    case 'text':
      return row.choices === undefined ? text(row.sentence) : { enum: row.choices, description: row.sentence }
    case 'count':
      return { ...count(row.sentence, row.min, row.max) }
    case 'bytes':
      return { anyOf: [count('', row.min, row.max), { type: 'string', pattern: SIZE }].map(unsaid), description }
    case 'duration':
      return { anyOf: [count('', row.min, row.max), { type: 'string', pattern: DURATION }].map(unsaid), description }
    case 'durations': {
      const items = { anyOf: [unsaid(count('', 1, row.max)), { type: 'string', pattern: DURATION }] }
      return { type: 'array', maxItems: row.countMax, items, description }
    }
  }
}

function unsaid({ description: _, ...schema }: Schema): Schema {
  return schema
}

function settings(): Schema {
  const properties: Record<string, Schema> = {}
  for (const [name, row] of Object.entries<SettingRow>(SETTINGS)) {
    if (!OF_THE_CHART.has(name)) properties[name] = ofRow(row)
  }
  return group(properties, 'Settings of the service, by their names without DWELL_. A change restarts the pod.')
}

const probe = (description: string): Schema =>
  group(
    {
      initialDelaySeconds: count('Before the first time.', 0),
      periodSeconds: count('How often.', 1),
      failureThreshold: count('How many failures count as one.', 1),
      successThreshold: count('How many successes count as one.', 1),
      timeoutSeconds: count('How long an answer may take.', 1),
    },
    description,
  )

/** The whole schema, as it stands in helm/dwell/values.schema.json. */
export function valuesSchema(): Schema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart dwell',
    ...group({
      global: object('Values of all charts of a release.'),
      nameOverride: text("In place of the chart's name."),
      fullnameOverride: text('The name of all objects.'),
      replicas: count(
        'Pods: 1, or 0 to stop it and keep its data. Dwell keeps its log on one volume: more would be queues apart.',
        0,
        1,
      ),
      image: group({
        repository: { ...text('Image.'), minLength: 1 },
        tag: text("Tag; the chart's appVersion when empty."),
        pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'], description: 'When it is pulled.' },
      }),
      imagePullSecrets: objects('Secrets of the registry.'),
      settings: settings(),
      listen: {
        enum: ['0.0.0.0', '::', '127.0.0.1'],
        description: 'Where it listens: on all addresses of the pod, or for the containers of its pod alone.',
      },
      port: count('Port on which it listens in its pod; below 1024 not every cluster lets it.', 1, 65_535),
      access: group({
        openToAnyone: flag(
          'Whether everybody who reaches it may do everything. Where neither this nor another value decides who may, the chart makes tokens.',
        ),
        allowedHosts: {
          type: 'array',
          items: { type: 'string', minLength: 1 },
          description: 'Names that requests may be sent to, besides those of its Services and its Ingress.',
        },
        tokens: group({
          existingSecret: text('A Secret with the file of tokens; changes are read while it runs.'),
          key: { ...text('The key in it.'), minLength: 1 },
          content: text('The file itself, for a Secret of the chart: hashes, as `dwell tokens` writes them.'),
        }),
        tls: group({
          existingSecret: text('A Secret of type kubernetes.io/tls: with it, HTTPS. Changes are read while it runs.'),
          certificate: text('The certificate with those above it, PEM, for a Secret of the chart.'),
          key: text('Its private key, PEM.'),
          clients: flag('Whether clients must show a certificate that is signed by `ca.crt` of the Secret.'),
          ca: text('`ca.crt` of a Secret of the chart, PEM.'),
        }),
      }),
      persistence: group({
        enabled: flag('Whether the data outlives the pod.'),
        size: { ...text('Size of the volume.'), pattern: '^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$' },
        storageClass: text("Storage class; the cluster's default when empty."),
        accessModes: { type: 'array', minItems: 1, items: { type: 'string' }, description: 'Access modes.' },
        annotations: texts('Of the claim.'),
        existingClaim: text('A claim that is there already, in place of one made by the StatefulSet.'),
        whenDeleted: { enum: ['Retain', 'Delete'], description: 'What becomes of the claim with the release.' },
        whenScaled: { enum: ['Retain', 'Delete'], description: 'What becomes of the claim with 0 replicas.' },
      }),
      service: group({
        type: { enum: ['ClusterIP', 'NodePort', 'LoadBalancer'], description: 'Type of the Service.' },
        port: count('Port of the Services.', 1, 65_535),
        annotations: texts('Of the Services.'),
      }),
      ingress: group({
        enabled: flag('Whether there is an Ingress.'),
        className: text('Class of the Ingress.'),
        annotations: texts('Of the Ingress.'),
        hosts: {
          type: 'array',
          items: {
            ...group({ host: text('Name.'), path: { type: 'string', pattern: '^/' } }),
            required: ['host', 'path'],
          },
          description: 'Names and paths that lead to Dwell.',
        },
        tls: objects('`tls` of the Ingress.'),
      }),
      resources: object('Requests and limits of the container.'),
      terminationGracePeriodSeconds: {
        ...count('How long a stop may take, longer than STOP_DELAY and STOP_TIMEOUT; when null, these and 50 s.', 1),
        type: ['integer', 'null'],
      },
      probes: group({
        startup: probe('Until it is alive for the first time; it is while it still recovers.'),
        readiness: probe('Whether it gets requests.'),
        liveness: probe('Whether it is restarted.'),
      }),
      serviceAccount: group({
        create: flag('Whether the pod has a service account of its own.'),
        name: text('Its name.'),
        annotations: texts('Of the service account.'),
      }),
      podSecurityContext: object('`securityContext` of the pod.'),
      securityContext: object('`securityContext` of the container.'),
      podDisruptionBudget: group({
        enabled: flag('Whether there is a PodDisruptionBudget.'),
        maxUnavailable: count('0 keeps nodes from being drained while Dwell runs on them.', 0, 1),
      }),
      networkPolicy: group({
        enabled: flag('Whether there is a NetworkPolicy.'),
        from: objects('Who may connect; empty: everybody.'),
        egress: objects(
          'Where Dwell may connect to besides DNS: endpoints of push, the address of JWT_KEYS, the collector of traces.',
        ),
      }),
      metrics: group({
        serviceMonitor: group({
          enabled: flag('Whether there is a ServiceMonitor, where the cluster knows them.'),
          interval: { type: 'string', pattern: '^[0-9]+(ms|s|m|h)$', description: 'How often it is scraped.' },
          labels: texts('By which Prometheus finds it.'),
          tokenSecret: group({
            name: text(
              'A Secret with a token for Prometheus: any right, over all topics, unless METRICS_OPEN is set. When empty, the one that the chart made.',
            ),
            key: text('The key in it.'),
          }),
          tlsConfig: object('How Prometheus checks the certificate, as `tlsConfig` of a ServiceMonitor.'),
        }),
        prometheusRule: group({
          enabled: flag('Whether there is a PrometheusRule with the alerts, where the cluster knows them.'),
          labels: texts('By which Prometheus finds it.'),
        }),
        dashboards: group({
          enabled: flag('Whether there are ConfigMaps with dashboards.'),
          label: { ...text("Label by which Grafana's sidecar finds them."), minLength: 1 },
          labelValue: text('Its value.'),
          folder: text('Folder in Grafana.'),
        }),
      }),
      podAnnotations: texts('Of the pod.'),
      podLabels: texts('Of the pod.'),
      nodeSelector: texts('On which nodes.'),
      tolerations: objects('On which nodes in spite of their taints.'),
      affinity: object('On which nodes, beside which pods.'),
      topologySpreadConstraints: objects('Spread over the cluster.'),
      priorityClassName: text('Priority.'),
      extraEnv: objects('Environment from elsewhere, such as a Secret.'),
      extraVolumes: objects('More volumes of the pod.'),
      extraVolumeMounts: objects('Where the container has them.'),
      extraContainers: objects('Containers beside Dwell in its pod.'),
      test: group({
        tokenSecret: group({
          name: text(
            'A Secret with a token for `helm test`, which may publish, consume and administer topics named helm-test-*. When empty, the one that the chart made.',
          ),
          key: text('The key in it.'),
        }),
        image: text('Of the pod of `helm test`; that of Dwell when empty. Has Node at /nodejs/bin/node.'),
      }),
    }),
  }
}

/** As it is written into the file. */
export function schemaText(): string {
  return `${JSON.stringify(valuesSchema(), null, 2)}\n`
}

// The chart in a real cluster, from its installation to its removal:
//
//   node test/helm/cluster.ts IMAGE[:TAG]
//
// The cluster is that of KUBECONFIG; its nodes must have the image, or get it. All is done in a namespace of its own that enforces
// the pod security standard `restricted`, and that is deleted at the end. It ends with 0 when every step came out as it must,
// and with 0 and a reason where there is no kubectl, no helm or no KUBECONFIG.

import { join } from 'node:path'
import { CHART, needs, type Ran, RENDERS, render, run } from './chart.ts'

const NAMESPACE = `dwell-check-${process.pid}`
const RELEASE = 'queue'
const POD = `${RELEASE}-dwell-0`
const URL = `http://${RELEASE}-dwell:7200`
const TOPIC = `${URL}/v1/topics/reminders`

const [image = ''] = process.argv.slice(2)
const lastColon = image.lastIndexOf(':') > image.lastIndexOf('/') ? image.lastIndexOf(':') : image.length
const IMAGE = [`image.repository=${image.slice(0, lastColon)}`, `image.tag=${image.slice(lastColon + 1) || 'latest'}`]

function must(what: string, { status, stdout, stderr }: Ran): string {
  if (status !== 0) throw new Error(`${what}: ${stderr || stdout}`)
  return stdout
}
const kubectl = (...args: string[]) => must(`kubectl ${args.join(' ')}`, run('kubectl', ['-n', NAMESPACE, ...args]))
const helm = (...args: string[]) => must(`helm ${args.join(' ')}`, run('helm', ['-n', NAMESPACE, ...args]))
const apply = (object: object) =>
  must('kubectl apply', run('kubectl', ['-n', NAMESPACE, 'apply', '-f', '-'], JSON.stringify(object)))
const sets = (...values: string[]) => [...IMAGE, ...values].flatMap((value) => ['--set-string', value])

function check(isTrue: boolean, sentence: string): void {
  if (!isTrue) throw new Error(`Not so: ${sentence}`)
}

/** Runs this program in a pod of the namespace; answers what it printed. */
function inPod(name: string, program: string): string {
  const container = {
    name,
    image: `${image.slice(0, lastColon)}:${image.slice(lastColon + 1) || 'latest'}`,
    imagePullPolicy: 'IfNotPresent',
    command: ['/nodejs/bin/node', '--input-type=module', '--eval', program],
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
  }
  const securityContext = { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } }
  const spec = { restartPolicy: 'Never', enableServiceLinks: false, securityContext, containers: [container] }
  apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec })
  try {
    kubectl('wait', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=90s', `pod/${name}`)
  } catch (error) {
    throw new Error(`${(error as Error).message} ${run('kubectl', ['-n', NAMESPACE, 'logs', name]).stdout}`)
  }
  const said = kubectl('logs', name)
  kubectl('delete', 'pod', name, '--wait=true')
  return said.trim()
}

const POST = `const post = async (url, body) => {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  return { status: response.status, body: await response.json() }
};`
const publish = (number: number, delay: string) =>
  inPod(
    `publish-${number}`,
    `${POST} const { status } = await post('${TOPIC}/messages', { value: ${number}, delay: '${delay}' }); console.log(status)`,
  )
/** What is delivered until nothing comes for a second, as "number:ms late"; all of it is accepted. */
const consume = (wait: string) =>
  inPod(
    'consume',
    `${POST} const said = []; let wait = '${wait}'
    for (;;) {
      const { body } = await post('${TOPIC}/groups/all/acquire', { max: 100, wait })
      if (body.records.length === 0) break
      const acknowledgements = body.records.map(({ receipt }) => ({ receipt, type: 'accept' }))
      await post('${TOPIC}/groups/all/acknowledge', { acknowledgements })
      said.push(...body.records.map(({ value }) => value)); wait = '1s'
    }
    console.log(said.join(' '))`,
  )
const uid = () => kubectl('get', 'pod', POD, '-o', 'jsonpath={.metadata.uid}')
const ready = () => kubectl('rollout', 'status', `statefulset/${RELEASE}-dwell`, '--timeout=90s')

const STEPS: Record<string, () => string> = {
  'the API server takes every object, in all renders, without a warning'() {
    for (const [name, values] of Object.entries(RENDERS)) {
      const yaml = render(values, '--set', 'fullnameOverride=queue-dwell').stdout.replaceAll('queues', NAMESPACE)
      const args = ['-n', NAMESPACE, 'apply', '--dry-run=server', '--validate=strict', '-f', '-']
      const { status, stderr } = run('kubectl', args, yaml)
      check(status === 0 && !stderr.includes('Warning'), `${name}: ${stderr}`)
    }
    return Object.keys(RENDERS).join(', ')
  },
  'helm install --wait'() {
    helm('install', RELEASE, CHART, ...sets(), '--wait', '--timeout', '90s')
    return kubectl('get', 'pod', POD, '-o', 'jsonpath={.status.phase}')
  },
  'helm test'() {
    return helm('test', RELEASE, '--logs', '--timeout', '90s').trim().split('\n').at(-1) ?? ''
  },
  'a message is delivered by the successor of the pod that took it'() {
    check(publish(1, '8s').startsWith('2'), 'the message is published')
    const before = uid()
    kubectl('delete', 'pod', POD, '--wait=true')
    ready()
    check(uid() !== before, 'the pod is another one')
    check(consume('30s') === '1', 'it comes, once')
    return `pod ${before.slice(0, 8)} took it, ${uid().slice(0, 8)} delivered it`
  },
  'a changed setting restarts the pod and loses nothing'() {
    check(publish(2, '8s').startsWith('2'), 'the message is published')
    const before = uid()
    helm(
      'upgrade',
      RELEASE,
      CHART,
      '--reuse-values',
      '--set-string',
      'settings.DELAY_MAX=1h',
      '--wait',
      '--timeout',
      '90s',
    )
    check(uid() !== before, 'the pod is another one')
    check(publish(3, '2h') === '400', 'a delay beyond the new bound is refused')
    check(consume('30s') === '2', 'the message comes, once')
    return 'DELAY_MAX=1h holds'
  },
  'helm rollback'() {
    const before = uid()
    helm('rollback', RELEASE, '--wait', '--timeout', '90s')
    ready()
    check(uid() !== before, 'the pod is another one')
    check(publish(4, '2h').startsWith('2'), 'the delay is accepted again')
    return 'DELAY_MAX is as it was'
  },
  'ServiceMonitor, PrometheusRule and dashboards'() {
    const known = run('kubectl', ['get', 'crd', '-o', 'name']).stdout
    for (const kind of ['servicemonitors', 'prometheusrules']) {
      if (!known.includes(kind)) return `left out: the cluster does not know ${kind}`
      check(kubectl('get', kind, '-o', 'name').includes(`${RELEASE}-dwell`), `there is one of ${kind}`)
    }
    return kubectl('get', 'configmap', '-l', 'grafana_dashboard=1', '-o', 'name').trim().replaceAll('\n', ', ')
  },
  'as a sidecar, an application publishes and consumes over localhost'() {
    const values = ['--values', join(CHART, 'values-sidecar.yaml')]
    const application = `extraContainers[0].image=${image}`
    helm('install', 'app', CHART, ...values, ...sets(application), '--wait', '--timeout', '90s')
    const pod = 'pod/app-dwell-0'
    for (let tries = 0; ; tries++) {
      const said = kubectl('logs', pod, '-c', 'application')
      if (said.includes('reminded {"number":0}'))
        return (
          said
            .trim()
            .split('\n')
            .find((line) => line.startsWith('reminded')) ?? ''
        )
      check(tries < 20, `it was reminded: ${said}`)
      must('sleep', run('sleep', ['1']))
    }
  },
  'helm uninstall keeps the claim'() {
    helm('uninstall', RELEASE, '--wait', '--timeout', '60s')
    return kubectl('get', 'pvc', `data-${POD}`, '-o', 'jsonpath={.status.phase}')
  },
}

function main(): void {
  const { skip } = needs('kubectl', 'helm')
  if (skip !== false || process.env.KUBECONFIG === undefined || image === '') {
    process.stdout.write(`Left out: ${skip || 'it takes KUBECONFIG and the name of an image'}.\n`)
    return
  }
  const namespace = { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } }
  apply({ apiVersion: 'v1', kind: 'Namespace', metadata: namespace })
  try {
    for (const [name, step] of Object.entries(STEPS)) {
      const beganMs = Date.now()
      const outcome = step()
      process.stdout.write(`ok - ${name} (${((Date.now() - beganMs) / 1000).toFixed(1)} s): ${outcome}\n`)
    }
  } catch (error) {
    process.stdout.write(`not ok - ${(error as Error).message}\n`)
    process.stdout.write(run('kubectl', ['-n', NAMESPACE, 'get', 'events']).stdout)
    process.exitCode = 1
  } finally {
    run('helm', ['-n', NAMESPACE, 'uninstall', 'app'])
    run('kubectl', ['delete', 'namespace', NAMESPACE, '--wait=false'])
  }
}

main()

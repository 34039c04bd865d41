// The chart in a real cluster, from its installation to its removal:
//
//   node test/helm/cluster.ts IMAGE[:TAG]
//
// The cluster is that of KUBECONFIG; its nodes must have the image, or get it. All is done in a namespace of its own that enforces
// the pod security standard `restricted`, and that is deleted at the end. It ends with 0 when every step came out as it must,
// and with 0 and a reason where there is no kubectl, no helm or no KUBECONFIG. test/faults/README.md row A32.

import { join } from 'node:path'
import { CHART, needs, RENDERS, render, run } from './chart.ts'
import { secretSteps } from './cluster-secrets.ts'
import * as cluster from './in-cluster.ts'
import { check, helm, helmAndWait, inPod, keyOfSecret, kubectl, NAMESPACE, uidOf } from './in-cluster.ts'

const RELEASE = 'queue'
const NAME = `${RELEASE}-dwell`
const POD = `${NAME}-0`
const URL = `http://${NAME}:7200`

const [image = ''] = process.argv.slice(2)
const lastColon = image.lastIndexOf(':') > image.lastIndexOf('/') ? image.lastIndexOf(':') : image.length
const IMAGE = [`image.repository=${image.slice(0, lastColon)}`, `image.tag=${image.slice(lastColon + 1) || 'latest'}`]
const sets = (...values: string[]) => [...IMAGE, ...values].flatMap((value) => ['--set-string', value])

const CALL = `const call = async (method, path, body) => {
  const headers = body ? { 'content-type': 'application/json' } : {}
  if (process.env.TOKEN) headers.authorization = 'Bearer ' + process.env.TOKEN
  const response = await fetch('${URL}' + path, { method, headers, body: body && JSON.stringify(body) })
  return { status: response.status, body: await response.text() }
};`
/** Of the words that stand for a certificate in the values of the render `full`. */
const NO_CERTIFICATE = 'tls: failed to find any PEM data in certificate input'
const MESSAGES = '/v1/topics/reminders/messages'

/** Runs a program that has `call`, and a token of the Secret that the chart made. */
function calling(name: string, program: string, token?: 'admin' | 'metrics'): string {
  const env: Record<string, string> = token === undefined ? {} : { TOKEN: keyOfSecret(`${NAME}-tokens`, token) }
  return inPod({ name, image, program: CALL + program, env })
}

/** Publishes a number with a delay; answers the status. */
function publish(number: number, delay: string): string {
  const program = `console.log((await call('POST', '${MESSAGES}', { value: ${number}, delay: '${delay}' })).status)`
  return calling(`publish-${number}`, program, 'admin')
}

/** The numbers that are delivered until nothing comes for a second; all of them are accepted. */
function consume(wait: string): string {
  const program = `const said = []; let wait = '${wait}'; const group = '/v1/topics/reminders/groups/all'
    for (;;) {
      const { records } = JSON.parse((await call('POST', group + '/acquire', { max: 100, wait })).body)
      if (records.length === 0) break
      const acknowledgements = records.map(({ receipt }) => ({ receipt, type: 'accept' }))
      await call('POST', group + '/acknowledge', { acknowledgements })
      said.push(...records.map(({ value }) => value)); wait = '1s'
    }
    console.log(said.join(' '))`
  return calling('consume', program, 'admin')
}

const STEPS: Record<string, () => string> = {
  'the API server takes every object, in all renders, without a warning'() {
    for (const [name, values] of Object.entries(RENDERS)) {
      const yaml = render(values, '--set', `fullnameOverride=${NAME}`).stdout.replaceAll('queues', NAMESPACE)
      const args = ['-n', NAMESPACE, 'apply', '--dry-run=server', '--validate=strict', '-f', '-']
      const { status, stderr } = run('kubectl', args, yaml)
      const warnings = stderr.split('\n').filter((line) => line !== '' && !line.includes(NO_CERTIFICATE))
      check(status === 0 && warnings.length === 0, `${name}: ${stderr}`)
    }
    return Object.keys(RENDERS).join(', ')
  },
  'helm install --wait'() {
    helmAndWait('install', RELEASE, CHART, ...sets())
    return kubectl('get', 'pod', POD, '-o', 'jsonpath={.status.phase}')
  },
  'helm test'() {
    return helm('test', RELEASE, '--logs', '--timeout', '90s').trim().split('\n').at(-1) ?? ''
  },
  'who has no token does not come in, and each token of the chart does what it is for'() {
    const program = `const { status } = await call('POST', '${MESSAGES}', { value: 0 })
      console.log(status, (await call('GET', '/metrics')).status, (await call('GET', '/v1/topics')).status)`
    const stranger = calling('stranger', program)
    check(stranger === '401 401 401', `a stranger: ${stranger}`)
    const watcher = calling('watcher', program.replace('value: 0', 'nothing: 0'), 'metrics')
    check(watcher === '400 200 200', `who has the token for Prometheus: ${watcher}`)
    return `without 401, /metrics with its token 200`
  },
  'a message is delivered by the successor of the pod that took it'() {
    check(publish(1, '8s').startsWith('2'), 'the message is published')
    const before = uidOf(POD)
    kubectl('delete', 'pod', POD, '--wait=true')
    cluster.waitForRollout(NAME)
    check(uidOf(POD) !== before, 'the pod is another one')
    check(consume('30s') === '1', 'it comes, once')
    return `pod ${before.slice(0, 8)} took it, ${uidOf(POD).slice(0, 8)} delivered it`
  },
  'an upgrade that changes nothing restarts nothing and keeps the tokens'() {
    const before = [uidOf(POD), keyOfSecret(`${NAME}-tokens`, 'admin'), keyOfSecret(`${NAME}-tokens`, 'tokens.json')]
    helmAndWait('upgrade', RELEASE, CHART, '--reuse-values')
    const after = [uidOf(POD), keyOfSecret(`${NAME}-tokens`, 'admin'), keyOfSecret(`${NAME}-tokens`, 'tokens.json')]
    check(
      before.every((value, i) => value === after[i]),
      'pod and tokens are the same',
    )
    return 'the same pod, the same tokens'
  },
  'a changed setting restarts the pod and loses nothing'() {
    check(publish(2, '8s').startsWith('2'), 'the message is published')
    const before = uidOf(POD)
    helmAndWait('upgrade', RELEASE, CHART, '--reuse-values', '--set-string', 'settings.DELAY_MAX=1h')
    check(uidOf(POD) !== before, 'the pod is another one')
    check(publish(3, '2h') === '400', 'a delay beyond the new bound is refused')
    check(consume('30s') === '2', 'the message comes, once')
    return 'DELAY_MAX=1h holds'
  },
  'helm rollback'() {
    const before = uidOf(POD)
    helmAndWait('rollback', RELEASE)
    cluster.waitForRollout(NAME)
    check(uidOf(POD) !== before, 'the pod is another one')
    check(publish(4, '2h').startsWith('2'), 'the delay is accepted again')
    return 'DELAY_MAX is as it was'
  },
  'ServiceMonitor, PrometheusRule and dashboards'() {
    const known = run('kubectl', ['get', 'crd', '-o', 'name']).stdout
    for (const kind of ['servicemonitors', 'prometheusrules']) {
      if (!known.includes(kind)) return `left out: the cluster does not know ${kind}`
      check(kubectl('get', kind, '-o', 'name').includes(NAME), `there is one of ${kind}`)
    }
    return kubectl('get', 'configmap', '-l', 'grafana_dashboard=1', '-o', 'name').trim().replaceAll('\n', ', ')
  },
  ...secretSteps(image, sets()),
  'as a sidecar, an application publishes and consumes over localhost'() {
    const values = ['--values', join(CHART, 'values-sidecar.yaml')]
    helmAndWait('install', 'app', CHART, ...values, ...sets(`extraContainers[0].image=${image}`))
    return cluster.lineOf('app-dwell-0', 'application', 'reminded {"number":0}')
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
  cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: namespace })
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
    for (const release of ['app', 'secure']) run('helm', ['-n', NAMESPACE, 'uninstall', release])
    run('kubectl', ['delete', 'namespace', NAMESPACE, '--wait=false'])
  }
}

main()

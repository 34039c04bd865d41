// What is done in a cluster to see the chart work there: helm and kubectl in a namespace of its own, and programs that run in pods
// of it, since services are reached from inside only. What fails throws, with what the tool said.

import { type Ran, run } from './chart.ts'

export const NAMESPACE = `dwell-check-${process.pid}`
/** How long a pod may take to do what it is made for, or to get ready. */
const PATIENCE = '120s'

export function must(what: string, { status, stdout, stderr }: Ran): string {
  if (status !== 0) throw new Error(`${what}: ${stderr || stdout}`)
  return stdout
}

export function check(isTrue: boolean, sentence: string): void {
  if (!isTrue) throw new Error(`Not so: ${sentence}`)
}

export function kubectl(...args: string[]): string {
  return must(`kubectl ${args.join(' ')}`, run('kubectl', ['-n', NAMESPACE, ...args]))
}

export function helm(...args: string[]): string {
  return must(`helm ${args.join(' ')}`, run('helm', ['-n', NAMESPACE, ...args]))
}

/** `helm` with a verb that ends when the pods are ready. */
export function helmAndWait(...args: string[]): string {
  return helm(...args, '--wait', '--timeout', PATIENCE)
}

export function apply(object: object): void {
  must('kubectl apply', run('kubectl', ['-n', NAMESPACE, 'apply', '-f', '-'], JSON.stringify(object)))
}

export function applySecret(name: string, type: string, stringData: Record<string, string>): void {
  apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, type, stringData })
}

export function keyOfSecret(name: string, key: string): string {
  const { data } = JSON.parse(kubectl('get', 'secret', name, '-o', 'json'))
  return Buffer.from(data[key], 'base64').toString()
}

export interface Pod {
  name: string
  image: string
  /** Of an ES module. */
  program: string
  env?: Record<string, string>
  /** Secrets whose keys are files below /secrets/<name>. */
  secrets?: readonly string[]
}

/** Makes a pod that runs a program once, as the pod security standard `restricted` wants it. */
export function startPod({ name, image, program, env = {}, secrets = [] }: Pod): void {
  const container = {
    name,
    image,
    imagePullPolicy: 'IfNotPresent',
    command: ['/nodejs/bin/node', '--input-type=module', '--eval', program],
    env: Object.entries(env).map(([name, value]) => ({ name, value })),
    volumeMounts: secrets.map((name) => ({ name, mountPath: `/secrets/${name}`, readOnly: true })),
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
  }
  const spec = {
    restartPolicy: 'Never',
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65532,
      fsGroup: 65532,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [container],
    volumes: secrets.map((name) => ({ name, secret: { secretName: name, defaultMode: 0o440 } })),
  }
  apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec })
}

/** Waits until the pod's program has ended, removes the pod, and answers what it printed. */
export function endOfPod(name: string): string {
  try {
    kubectl('wait', '--for=jsonpath={.status.phase}=Succeeded', `--timeout=${PATIENCE}`, `pod/${name}`)
  } catch (error) {
    throw new Error(`${(error as Error).message} ${run('kubectl', ['-n', NAMESPACE, 'logs', name]).stdout}`)
  }
  const said = kubectl('logs', name).trim()
  kubectl('delete', 'pod', name, '--wait=true')
  return said
}

/** Runs a program in a pod; answers what it printed. */
export function inPod(pod: Pod): string {
  startPod(pod)
  return endOfPod(pod.name)
}

/** Waits until a container of the pod has printed this, and answers that line. */
export function lineOf(pod: string, container: string, beginning: string): string {
  for (let tries = 0; ; tries++) {
    const said = run('kubectl', ['-n', NAMESPACE, 'logs', pod, '-c', container]).stdout
    const line = said.split('\n').find((line) => line.startsWith(beginning))
    if (line !== undefined) return line
    check(tries < 60, `${pod} says ${beginning}: ${said}`)
    must('sleep', run('sleep', ['1']))
  }
}

export function uidOf(pod: string): string {
  return kubectl('get', 'pod', pod, '-o', 'jsonpath={.metadata.uid}')
}

export function waitForRollout(statefulSet: string): void {
  kubectl('rollout', 'status', `statefulset/${statefulSet}`, `--timeout=${PATIENCE}`)
}

// The lowest layer: who may call, the data directory, and the port, where whoever asks is told what the start is at.

import type { DiskSpace } from '../../storage/index.ts'
import { Access } from '../access/access.ts'
import { DataDirectory } from '../data-directory.ts'
import { type Descriptors, descriptorLimit, shareDescriptors } from '../descriptors.ts'
import { Listener } from '../http/listener.ts'
import { ServedHosts } from '../http/served-hosts.ts'
import { AllowedHosts } from '../push/allowed-hosts.ts'
import { ownAddresses } from '../push/network.ts'
import type { TestClock } from '../test-clock.ts'
import { openTracing, type Tracing } from '../tracing/tracing.ts'
import type { Beginning } from './beginning.ts'

/** `disk` and `clock` are those of the data directory from here on. */
export interface Ground extends Beginning {
  access: Access
  home: DataDirectory
  directory: string
  space: DiskSpace
  clusterId: string
  /** Only in a directory for tests. */
  testClock: TestClock | undefined
  tracing: Tracing | undefined
  descriptors: Descriptors
  /** Which names requests may name. */
  hosts: ServedHosts
  /** Where groups may push to, and over how many sockets. */
  pushHosts: AllowedHosts
  pushSocketsMax: number
  listener: Listener
}

/** @throws DATA_DIRECTORY_LOCKED, DATA_DIRECTORY_UNUSABLE, ADDRESS_NOT_AVAILABLE, INVALID_SETTING */
export async function openGround(beginning: Beginning): Promise<Ground> {
  const { settings, random, log, readiness, startup, metrics, opened } = beginning
  const pushHosts = new AllowedHosts(settings.PUSH_ALLOWED_HOSTS, ownAddresses)
  const access = await Access.open({ settings, disk: beginning.disk, clock: beginning.clock, log })
  opened.add('access', () => access.close())

  startup.next('directory', 'Opening the data directory.')
  const home = await DataDirectory.open(beginning, (part, close) => opened.add(part, close))
  const { disk, clock, path: directory, space, clusterId, testClock } = home
  const tracing = await openTracing({ endpoint: settings.TRACES_ENDPOINT, clock, random, log, clusterId })
  if (tracing !== undefined) opened.add('tracing', () => tracing.close())

  const descriptors = shareDescriptors(descriptorLimit(), {
    segments: settings.OPEN_FILES_MAX,
    slots: Math.ceil(settings.WHEEL_WINDOW / 1000),
  })
  const pushSocketsMax = Math.min(settings.PUSH_CONNECTIONS_MAX, Math.floor(descriptors.connections / 4))
  // Those in use, and as many idle ones.
  const spared = pushHosts.isEmpty ? 0 : 2 * pushSocketsMax
  const hosts = new ServedHosts(settings.ALLOWED_HOSTS, access.authenticator !== undefined)
  const listener = await Listener.open({
    ...{ settings, hosts, clock, log, readiness, certificates: access.certificates },
    connectionsMax: Math.min(settings.CONNECTIONS_MAX, descriptors.connections - spared),
    onDrop: () => metrics.countDroppedConnection(),
  })
  opened.add('listener', () => listener.close())
  log.info({ address: listener.address, directory, clusterId }, 'The port is open; starting.')
  return {
    ...beginning,
    ...{ access, home, directory, disk, clock, space, clusterId, testClock, tracing },
    ...{ descriptors, hosts, pushHosts, pushSocketsMax, listener },
  }
}

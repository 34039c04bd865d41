// All that is measured together, by name: a load process is told the name of the peer that it is to reach.

import type { Row } from '../table.ts'
import { beanstalkd } from './beanstalkd.ts'
import { bullMq } from './bullmq.ts'
import { dwell } from './dwell.ts'
import type { Peer } from './peer.ts'

const OTHERS: readonly Peer[] = [beanstalkd(0), beanstalkd(50), bullMq('always'), bullMq('everysec')]

/** Dwell first, then the others. */
const PEERS: readonly Peer[] = [dwell(), ...OTHERS]

/** Measures one after the other. Who is not installed has a row that says so, and who fails holds the others up no more. */
export async function measureBeside(measure: (peer: Peer) => Promise<Row>): Promise<Row[]> {
  const rows: Row[] = []
  for (const peer of PEERS) {
    const because = peer.missing()
    const row = because === undefined ? measure(peer) : Promise.resolve({ queue: peer.name, what: because })
    rows.push(
      await row.catch((error: Error) => {
        process.exitCode = 1
        return { queue: peer.name, what: `failed: ${error.message.split('\n')[0]}` }
      }),
    )
  }
  return rows
}

/** @throws when there is none of that name. */
export function peerNamed(name: string): Peer {
  const peer = PEERS.find((one) => one.name === name)
  if (peer === undefined) throw new Error(`There is no peer ${name}.`)
  return peer
}

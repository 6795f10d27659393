/** What the cluster is made of and what hangs on what; the terminal's tree says the same. Pure. */
import type { Machine, Overview, Worker } from '../../api/types.ts'
import type { Key } from '../../i18n/index.ts'
import type { IconName } from '../../ui/icons.tsx'
import { type Look, NODE, nodeLook, PART } from '../../ui/states.ts'
import { machineLook } from '../machines/machines.ts'

export const KINDS = {
  head: { icon: 'overview', word: 'topology.head' },
  gateway: { icon: 'link', word: 'topology.gateway' },
  node: { icon: 'node', word: 'topology.node' },
  scheduler: { icon: 'tasks', word: 'topology.scheduler' },
  worker: { icon: 'worker', word: 'topology.worker' },
  machines: { icon: 'parts', word: 'topology.machines' },
  machine: { icon: 'machine', word: 'topology.machine' },
} as const satisfies Record<string, { icon: IconName; word: Key }>

export type Kind = keyof typeof KINDS

/** What goes on at a thing, in figures that the reader's language words. */
export type Traffic =
  | { word: 'topology.parts'; up: number; total: number }
  | { word: 'topology.requests'; rate: number }
  | { word: 'topology.tasks'; count: number }
  | { word: 'topology.flow'; inflight: number; speed: number | null }
  | { word: 'topology.heard'; age: number | null }
  | { word: 'topology.count'; count: number }

export interface Thing {
  key: string
  kind: Kind
  /** Empty where the kind's own word is the name. */
  name: string
  look: Look
  traffic: Traffic
  address: string
  /** Key of what it hangs on; null for the head. */
  parent: string | null
  /** Key of the machine that it runs on, where that is known and joined. */
  on: string | null
}

/** From the head down, each thing after what it hangs on. `machines` is null while they are not known. */
export function thingsOf(overview: Overview, machines: readonly Machine[] | null): Thing[] {
  const on = placesOf(machines ?? [])
  return [headOf(overview), ...served(overview, on), ...computed(overview, on), ...joined(machines)]
}

function headOf({ system }: Overview): Thing {
  const up = system.parts.filter((part) => part.state === 'ready').length
  return {
    key: 'head',
    kind: 'head',
    name: system.host.hostname || system.name,
    look: NODE.healthy,
    traffic: { word: 'topology.parts', up, total: system.parts.length },
    address: system.endpoints.api,
    parent: null,
    on: null,
  }
}

type Places = (host: string) => string | null

function served(overview: Overview, on: Places): Thing[] {
  const isUp = overview.gateway_reachable
  const gateway: Thing = {
    key: 'gateway',
    kind: 'gateway',
    name: '',
    look: isUp ? PART.ready : NODE.down,
    traffic: { word: 'topology.requests', rate: overview.rates.requests_per_second },
    address: overview.system.endpoints.gateway,
    parent: 'head',
    on: null,
  }
  const nodes = overview.nodes.map((node): Thing => {
    const speed = node.tokens_per_second ?? null
    return {
      key: `node ${node.name}`,
      kind: 'node',
      name: node.name,
      // Of a gateway that is silent this is the last that it said.
      look: isUp ? nodeLook(node) : NODE.unknown,
      traffic: { word: 'topology.flow', inflight: node.inflight, speed },
      address: node.url,
      parent: 'gateway',
      on: on(hostOf(node.url)),
    }
  })
  return [gateway, ...nodes]
}

function computed({ compute }: Overview, on: Places): Thing[] {
  const running = compute.tasks.reduce((sum, group) => sum + group.processing, 0)
  const scheduler: Thing = {
    key: 'scheduler',
    kind: 'scheduler',
    name: '',
    look: compute.reachable ? PART.ready : NODE.down,
    traffic: { word: 'topology.tasks', count: running },
    address: compute.address,
    parent: 'head',
    on: null,
  }
  return [scheduler, ...compute.workers.map((worker) => workerOf(worker, compute.reachable, on))]
}

function workerOf(worker: Worker, isUp: boolean, on: Places): Thing {
  const look = worker.paused ? PART.waiting : PART.ready
  return {
    key: `worker ${worker.address || worker.name}`,
    kind: 'worker',
    name: worker.name,
    look: isUp ? look : NODE.unknown,
    traffic: { word: 'topology.tasks', count: worker.executing },
    address: worker.address,
    parent: 'scheduler',
    on: on(worker.host),
  }
}

function joined(machines: readonly Machine[] | null): Thing[] {
  if (machines === null) return []
  const group: Thing = {
    key: 'machines',
    kind: 'machines',
    name: '',
    look: NODE.healthy,
    traffic: { word: 'topology.count', count: machines.length },
    address: '',
    parent: 'head',
    on: null,
  }
  const each = machines.map(
    (machine): Thing => ({
      key: `machine ${machine.id}`,
      kind: 'machine',
      name: machine.name,
      look: machineLook(machine),
      traffic: { word: 'topology.heard', age: machine.seen_seconds ?? null },
      address: (machine.addresses ?? []).join(', '),
      parent: 'machines',
      on: null,
    }),
  )
  return [group, ...each]
}

function placesOf(machines: readonly Machine[]): Places {
  const found = new Map<string, string>()
  for (const machine of machines) {
    for (const place of [machine.name, ...(machine.addresses ?? [])])
      found.set(place, `machine ${machine.id}`)
  }
  return (host) => found.get(host) ?? null
}

function hostOf(url: string): string {
  try {
    return new URL(url).hostname.replace(/^\[|\]$/g, '')
  } catch {
    return ''
  }
}

/** How much of one kind there is, and how much of that is well. */
export interface Tally {
  kind: Kind
  well: number
  total: number
}

const COUNTED = ['machine', 'node', 'worker'] as const

export function tallies(things: readonly Thing[]): Tally[] {
  return COUNTED.map((kind) => {
    const all = things.filter((thing) => thing.kind === kind)
    return { kind, well: all.filter((thing) => thing.look.tone === 'ok').length, total: all.length }
  }).filter((tally) => tally.total > 0)
}

/** What somebody should look at: all that is neither well nor at rest. */
export const unwell = (things: readonly Thing[]): Thing[] =>
  things.filter((thing) => thing.look.tone === 'bad' || thing.look.tone === 'warn')

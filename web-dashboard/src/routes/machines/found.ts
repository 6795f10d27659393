import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import { queries } from '../../api/session.ts'
import type { Discovery, Find, LeftOut } from '../../api/types.ts'
import type { Key } from '../../i18n/index.ts'

const EVERY_MS = 700

/** The latest search of this head, and the networks that it may look at; asked again while it goes on. */
export const foundQuery = queryOptions({
  queryKey: ['discoveries'],
  queryFn: () => sent(api.GET('/api/v1/discoveries')),
  refetchInterval: (query) => (query.state.data?.items[0]?.state === 'running' ? EVERY_MS : false),
})

export const foundAgain = () => queries.invalidateQueries({ queryKey: ['discoveries'] })

export const KINDS: Record<Find['services'][number]['kind'], Key> = {
  ssh: 'found.kind.ssh',
  ollama: 'found.kind.ollama',
  cluster_head: 'found.kind.cluster_head',
  cluster_machine: 'found.kind.cluster_machine',
  cluster_gateway: 'found.kind.cluster_gateway',
  openai: 'found.kind.openai',
  agent: 'found.kind.agent',
  mcp: 'found.kind.mcp',
  web: 'found.kind.web',
  api: 'found.kind.api',
  websocket: 'found.kind.websocket',
  database: 'found.kind.database',
  tls: 'found.kind.tls',
  other: 'found.kind.other',
}
export const HOWS: Record<Find['how'][number], Key> = {
  scan: 'found.how.scan',
  mdns: 'found.how.mdns',
  ssh_config: 'found.how.ssh_config',
  known_hosts: 'found.how.known_hosts',
  arp: 'found.how.arp',
}
export const WHYS: Record<NonNullable<Find['why_not']>, Key> = {
  this_machine: 'found.why.this_machine',
  in_cluster: 'found.why.in_cluster',
  no_ssh: 'found.why.no_ssh',
  proxy_command: 'found.why.proxy_command',
  name_unknown: 'found.why.name_unknown',
  beyond_lan: 'found.why.beyond_lan',
  bad_name: 'found.why.bad_name',
}
const OUTS: Record<string, Key> = {
  down: 'found.out.down',
  containers: 'found.out.containers',
  tunnel: 'found.out.tunnel',
  link_local: 'found.out.link_local',
  public: 'found.out.public',
  narrow: 'found.out.narrow',
  too_wide: 'found.out.too_wide',
  too_many: 'found.out.enough',
}

/** Networks that were not looked at, with the reason; that nobody else is on the loopback goes without saying. */
export function outsOf(leftOut: readonly LeftOut[]): { network: string; why: Key }[] {
  return leftOut.flatMap((one) => {
    const why = OUTS[one.why]
    return why ? [{ network: one.network, why }] : []
  })
}

const STAGES: Record<string, Key> = {
  alive: 'found.progress.alive',
  ports: 'found.progress.ports',
  names: 'found.progress.names',
  mdns: 'found.progress.mdns',
}

export interface Stage {
  word: Key
  done: number
  total: number
}

/** How far each part of a search is, in the order in which they are done. */
export function stagesOf(discovery: Discovery): Stage[] {
  return Object.entries(STAGES).flatMap(([name, word]) => {
    const stage = discovery.stages.find((one) => one.stage === name)
    return stage && stage.total > 0 ? [{ word, done: stage.done, total: stage.total }] : []
  })
}

/** A find, and the search that it is from. */
export interface FoundRow {
  find: Find
  from: Discovery
}

/** What is known by the searches, the newest first: a closer look at one address hides nothing else that was found. */
export function rowsOf(items: readonly Discovery[]): FoundRow[] {
  const whole = items.findIndex((one) => one.hosts.length === 0)
  const rows = new Map<string, FoundRow>()
  for (const from of whole < 0 ? items : items.slice(0, whole + 1)) {
    for (const find of from.found) {
      const place = find.address || find.id
      if (!rows.has(place)) rows.set(place, { find, from })
    }
  }
  return [...rows.values()]
}

/** What speaks against adding it; while it is looked at, that no SSH server answers is not known yet. */
export function whyNot({ find, from }: FoundRow): Key | undefined {
  if (!find.why_not || (from.state === 'running' && find.why_not === 'no_ssh')) return undefined
  return WHYS[find.why_not]
}

const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._:@-]*$/

/** What adds a machine when it is typed in a terminal of the head. `user`: empty where SSH knows it by itself. */
export function commandOf(target: string, user: string): string {
  const whom = user ? `${user}@${target}` : target
  const word = PLAIN.test(whom) ? whom : `'${whom.replaceAll("'", "'\\''")}'`
  return `cluster-ai node add ${word}`
}

export const nameOf = (find: Find) => find.names[0] ?? (find.address || find.id)

/** The gateway's keys, decisions and usage. Times in Unix seconds. */
import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import { queries } from '../../api/session.ts'
import type { ApiKey, Candidate, KeyChanges, KeyState, MadeKey, NewKey, UsageRow } from '../../api/types.ts'
import type { USAGE_BY } from '../../app/searches.ts'
import type { Key } from '../../i18n/index.ts'
import type { Look } from '../../ui/states.ts'

const DAY = 86_400
const DECISIONS = 50
const EVERY_MS = 5000
const SLOWLY_MS = 60_000

export type UsageBy = (typeof USAGE_BY)[number]

export const keysQuery = queryOptions({
  queryKey: ['keys'],
  queryFn: async () => (await sent(api.GET('/api/v1/keys'))).items,
  refetchInterval: SLOWLY_MS,
})

/** The gateway remembers the last 512 of its decisions, and forgets them when it starts anew. */
export const decisionsQuery = queryOptions({
  queryKey: ['decisions'],
  queryFn: async () =>
    (await sent(api.GET('/api/v1/gateway/decisions', { params: { query: { limit: DECISIONS } } }))).items,
  refetchInterval: EVERY_MS,
  staleTime: 0,
})

export const decisionQuery = (requestId: string) =>
  queryOptions({
    queryKey: ['decision', requestId],
    queryFn: () =>
      sent(
        api.GET('/api/v1/gateway/decisions/{request_id}', { params: { path: { request_id: requestId } } }),
      ),
  })

/** What the log has of a call; asked where the decision is forgotten. */
export const requestQuery = (requestId: string) =>
  queryOptions({
    queryKey: ['gateway-request', requestId],
    queryFn: () =>
      sent(api.GET('/api/v1/gateway/requests/{request_id}', { params: { path: { request_id: requestId } } })),
  })

/** The last calls, from which the wait in the line is reckoned. */
export const waitsQuery = queryOptions({
  queryKey: ['gateway-waits'],
  queryFn: async () =>
    waitsOf((await sent(api.GET('/api/v1/gateway/requests', { params: { query: { limit: 200 } } }))).items),
  refetchInterval: EVERY_MS * 2,
})

/** Mean seconds in the line of the last calls, by node. Pure. */
export function waitsOf(calls: readonly { node: string; queue_seconds: number }[]): Record<string, number> {
  const sums = new Map<string, { sum: number; count: number }>()
  for (const { node, queue_seconds: wait } of calls) {
    if (node === '') continue
    const before = sums.get(node) ?? { sum: 0, count: 0 }
    sums.set(node, { sum: before.sum + wait, count: before.count + 1 })
  }
  return Object.fromEntries([...sums].map(([node, { sum, count }]) => [node, sum / count]))
}

/** A day of UTC as the API writes it, `ago` days before the moment `now`. Pure. */
export const dayOf = (now: number, ago = 0): string =>
  new Date((now - ago * DAY) * 1000).toISOString().slice(0, 10)

export const usageQuery = (by: UsageBy, from: string, to: string) =>
  queryOptions({
    queryKey: ['usage', by, from, to],
    queryFn: async () =>
      (await sent(api.GET('/api/v1/usage', { params: { query: { by, from, to } } }))).items,
    refetchInterval: SLOWLY_MS,
  })

/** Every day from one to another, those without calls too. Pure. */
export function everyDay(rows: readonly UsageRow[], from: string, to: string): UsageRow[] {
  const known = new Map(rows.map((row) => [row.id, row]))
  const days: UsageRow[] = []
  for (let at = Date.parse(from); at <= Date.parse(to); at += DAY * 1000) {
    const id = new Date(at).toISOString().slice(0, 10)
    days.push(known.get(id) ?? { id, name: id, requests: 0, errors: 0, prompt_tokens: 0, output_tokens: 0 })
  }
  return days
}

export type Measure = 'requests' | 'tokens'

export const measured = (row: UsageRow, measure: Measure): number =>
  measure === 'requests' ? row.requests : tokensOf(row)

export const tokensOf = (row: UsageRow): number => row.prompt_tokens + row.output_tokens

export const KEY_STATE: Record<KeyState, Look> = {
  active: { tone: 'ok', icon: 'check', word: 'gateway.key.active' },
  expired: { tone: 'idle', icon: 'clock', word: 'gateway.key.expired' },
  revoked: { tone: 'idle', icon: 'stop', word: 'gateway.key.revoked' },
}

const SHUT_OUT: Look = { tone: 'warn', icon: 'pause', word: 'gateway.key.shut_out' }

/** A key whose owner is disabled is in force on paper, and refused. */
export const keyLook = (key: ApiKey, isShutOut: boolean): Look =>
  key.state === 'active' && isShutOut ? SHUT_OUT : KEY_STATE[key.state]

export const PRIORITY = {
  interactive: 'gateway.priority.interactive',
  normal: 'gateway.priority.normal',
  background: 'gateway.priority.background',
  batch: 'gateway.priority.batch',
} as const satisfies Record<ApiKey['priority'], Key>

export const SCOPE = {
  'models:use': 'gateway.scope.use',
  'models:write': 'gateway.scope.write',
} as const satisfies Record<string, Key>

export const LIMITS = {
  requests_per_minute: 'gateway.limit.requests_per_minute',
  requests_per_day: 'gateway.limit.requests_per_day',
  tokens_per_minute: 'gateway.limit.tokens_per_minute',
  tokens_per_day: 'gateway.limit.tokens_per_day',
} as const satisfies Record<keyof ApiKey['limits'], Key>

/** Parts of a score, in the order in which they come to pass. */
export const PARTS: Record<string, Key> = {
  wait: 'gateway.part.wait',
  load: 'gateway.part.load',
  evict: 'gateway.part.evict',
  prefill: 'gateway.part.prefill',
  decode: 'gateway.part.decode',
  forget: 'gateway.part.forget',
  reserve: 'gateway.part.reserve',
  unproven: 'gateway.part.unproven',
  crowd: 'gateway.part.crowd',
  trouble: 'gateway.part.trouble',
  doubt: 'gateway.part.doubt',
}

/** The parts in which any candidate is not 0, those that are known first; all where all are 0. Pure. */
export function partsOf(candidates: readonly Candidate[]): string[] {
  const telling = candidates.flatMap((one) => Object.keys(one.score).filter((part) => one.score[part] !== 0))
  const found = new Set(telling.length > 0 ? telling : candidates.flatMap((one) => Object.keys(one.score)))
  const known = Object.keys(PARTS).filter((part) => found.has(part))
  return [...known, ...[...found].filter((part) => !(part in PARTS)).sort()]
}

export const totalOf = (candidate: Candidate): number =>
  Object.values(candidate.score).reduce((sum, one) => sum + one, 0)

const again = () => queries.invalidateQueries({ queryKey: keysQuery.queryKey })

export async function createKey(wanted: NewKey): Promise<MadeKey> {
  const made = await sent(api.POST('/api/v1/keys', { body: wanted }))
  await again()
  return made
}

export async function changeKey(id: string, change: KeyChanges): Promise<void> {
  await sent(api.PATCH('/api/v1/keys/{key}', { params: { path: { key: id } }, body: change }))
  await again()
}

export async function revokeKey(id: string): Promise<void> {
  await sent(api.DELETE('/api/v1/keys/{key}', { params: { path: { key: id } } }))
  await again()
}

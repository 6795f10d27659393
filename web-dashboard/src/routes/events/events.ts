import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import type { Budget, BurnAlert, ClusterEvent, DeliveryState, Slo, Webhook } from '../../api/types.ts'
import type { INCIDENT_KINDS } from '../../app/searches.ts'
import type { Key } from '../../i18n/index.ts'
import { type Look, NODE, PART, type Tone } from '../../ui/states.ts'

const EVERY_MS = 15_000
const TOGETHER = 50
const KEPT_TOGETHER = 100

export type IncidentKind = (typeof INCIDENT_KINDS)[number]

export const INCIDENTS: Record<IncidentKind, Key> = {
  runaway: 'incident.runaway',
  stuck: 'incident.stuck',
  lost: 'incident.lost',
  no_worker: 'incident.no_worker',
  scheduler_away: 'incident.scheduler_away',
  bus_down: 'incident.bus_down',
  integrity: 'incident.integrity',
}

/** Incidents, the newest first. */
export const incidentPagesQuery = (kind: IncidentKind | undefined, isOpen: boolean) =>
  infiniteQueryOptions({
    queryKey: ['incidents', 'pages', kind ?? '', isOpen],
    queryFn: ({ pageParam }) =>
      sent(
        api.GET('/api/v1/incidents', {
          params: { query: { kind: kind ?? '', open: isOpen, cursor: pageParam, limit: TOGETHER } },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
    refetchInterval: EVERY_MS,
  })

/** What was kept, the newest first. */
export const keptPagesQuery = (kind: string | undefined, subject: string) =>
  infiniteQueryOptions({
    queryKey: ['events', 'kept', kind ?? '', subject],
    queryFn: ({ pageParam }) =>
      sent(
        api.GET('/api/v1/event-log', {
          params: {
            query: {
              limit: KEPT_TOGETHER,
              ...(kind ? { kind } : {}),
              ...(subject ? { subject } : {}),
              ...(pageParam ? { before: pageParam } : {}),
            },
          },
        }),
      ),
    initialPageParam: 0,
    // Numbers begin with 1: below that nothing is left.
    getNextPageParam: ({ items }) => {
      const last = items.at(-1)?.number ?? 1
      return items.length === KEPT_TOGETHER && last > 1 ? last : undefined
    },
    staleTime: 0,
  })

/** Names one event: what is told live is kept, too, and shown once. */
export const nameOf = ({ at, kind, subject, before, after }: ClusterEvent): string =>
  [at, kind, subject, before, after].join(' ')

/** Both, the newest first, each event once. Pure. */
export function together(live: readonly ClusterEvent[], kept: readonly ClusterEvent[]): ClusterEvent[] {
  const all = new Map([...live, ...kept].map((event) => [nameOf(event), event]))
  return [...all.values()].sort((one, other) => other.at - one.at)
}

export const webhooksQuery = queryOptions({
  queryKey: ['webhooks'],
  queryFn: async () => (await sent(api.GET('/api/v1/webhooks'))).items,
  refetchInterval: EVERY_MS,
})

/** The last thing that was sent to a receiver; null before the first. */
export const lastQuery = (webhook: string) =>
  queryOptions({
    queryKey: ['webhooks', webhook, 'last'],
    queryFn: async () => {
      const call = api.GET('/api/v1/webhooks/{webhook}/deliveries', {
        params: { path: { webhook }, query: { limit: 1 } },
      })
      return (await sent(call)).items[0] ?? null
    },
    refetchInterval: EVERY_MS,
  })

export const DELIVERY: Record<DeliveryState, Look> = {
  queued: { tone: 'busy', icon: 'clock', word: 'delivery.queued' },
  retrying: { tone: 'warn', icon: 'restart', word: 'delivery.retrying' },
  sent: { tone: 'ok', icon: 'check', word: 'delivery.sent' },
  dead: { tone: 'bad', icon: 'cross', word: 'delivery.dead' },
}

const ON: Look = { tone: 'ok', icon: 'check', word: 'webhooks.on' }
const OFF: Look = { tone: 'idle', icon: 'stop', word: 'webhooks.off' }
const FAILING: Look = { tone: 'bad', icon: 'warning', word: 'webhooks.failing' }

export function webhookLook(webhook: Webhook): Look {
  if (!webhook.enabled) return OFF
  return webhook.failing_since == null ? ON : FAILING
}

/** An alert that fires, and the objective whose budget burns. */
export interface Firing {
  sloId: string
  name: string
  alert: BurnAlert
}

export function firingOf(slos: readonly Slo[], budgets: readonly Budget[]): Firing[] {
  const names = new Map(slos.map((slo) => [slo.slo_id, slo.objective.name]))
  return budgets.flatMap((budget) =>
    (budget.alerts ?? [])
      .filter((alert) => alert.fires)
      .map((alert) => ({ sloId: budget.slo_id, name: names.get(budget.slo_id) ?? budget.slo_id, alert })),
  )
}

const STATES: Record<string, Record<string, Look>> = { 'node.state': NODE, 'part.state': PART }

/** How bad what happened is. What left without a word counts as trouble, but for a model, which is deleted so. */
export function toneOf({ kind, before, after }: ClusterEvent): Tone {
  if (kind === 'problem') return after === '' ? 'ok' : 'bad'
  const look = STATES[kind]?.[after]
  if (look) return look.tone
  if (kind === 'worker.lost' || kind === 'worker.refused' || kind === 'task.erred') return 'bad'
  return after === '' && before !== '' && kind !== 'model.nodes' ? 'warn' : 'idle'
}

export interface EventsAsked {
  kind?: string | undefined
  severity?: 'trouble' | undefined
  subject?: string | undefined
}

export function chosen(events: readonly ClusterEvent[], asked: EventsAsked): ClusterEvent[] {
  const subject = asked.subject?.toLowerCase() ?? ''
  return events.filter(
    (event) =>
      (!asked.kind || event.kind === asked.kind) &&
      (!asked.severity || ['bad', 'warn'].includes(toneOf(event))) &&
      event.subject.toLowerCase().includes(subject),
  )
}

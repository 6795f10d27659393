import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import type { Graph, Incident, Plan, Ticket } from '../../api/types.ts'
import type { Key } from '../../i18n/index.ts'
import { isOver } from '../plans/plans.ts'

const EVERY_MS = 15_000

export const ticketQuery = (ticketId: string) =>
  queryOptions({
    queryKey: ['ticket', ticketId],
    queryFn: () =>
      sent(api.GET('/api/v1/tickets/{ticket_id}', { params: { path: { ticket_id: ticketId } } })),
    refetchInterval: (query) => (query.state.data && isOver(query.state.data.status) ? false : EVERY_MS),
  })

export const historyQuery = (ticketId: string) =>
  queryOptions({
    queryKey: ['ticket-history', ticketId],
    queryFn: () =>
      sent(api.GET('/api/v1/tickets/{ticket_id}/history', { params: { path: { ticket_id: ticketId } } })),
  })

export const resultQuery = (ticketId: string) =>
  queryOptions({
    queryKey: ['ticket-result', ticketId],
    queryFn: () =>
      sent(api.GET('/api/v1/tickets/{ticket_id}/result', { params: { path: { ticket_id: ticketId } } })),
    enabled: false,
  })

export const pausedKindsQuery = queryOptions({
  queryKey: ['paused-kinds'],
  queryFn: async () => (await sent(api.GET('/api/v1/tickets/paused-kinds'))).items,
  refetchInterval: EVERY_MS,
})

/** What is wrong now with how tickets get done. */
export const incidentsQuery = queryOptions({
  queryKey: ['incidents', 'open'],
  queryFn: async () =>
    (await sent(api.GET('/api/v1/incidents', { params: { query: { open: true } } }))).items,
  refetchInterval: EVERY_MS,
})

/** What a change goes with, so that it overlooks no other one. */
export const tagOf = (ticket: Ticket) => `"${ticket.revision}"`

/** A ticket that another one depends on and that has not succeeded. */
export interface Need {
  name: string
  ticketId: string | null
  status: Graph['nodes'][number]['status'] | null
}

/** What it depends on, by the plan's graph where that is known. Pure. */
export function needsOf(ticket: Ticket, graph: Graph | undefined): Need[] {
  const nodes = new Map((graph?.nodes ?? []).map((node) => [node.id, node]))
  return (ticket.depends_on ?? []).map((name) => {
    const node = nodes.get(name)
    return { name, ticketId: node?.ticket_id ?? null, status: node?.status ?? null }
  })
}

/** What the words may name. */
type Named = Record<'names' | 'kind' | 'by' | 'worker' | 'attempt', string>
const NOTHING: Named = { names: '', kind: '', by: '', worker: '', attempt: '' }

/** Why a ticket does not run, in words and in those of the API. */
export interface Why {
  word: Extract<Key, `why.${string}`>
  /** What the words name. */
  values: Named
  /** The API's own words, in English. */
  detail: string
  code: string
  /** Whether a freeze has to do with it. */
  byFreeze: boolean
}

interface Around {
  plan: Plan | undefined
  needs: readonly Need[]
  pausedKinds: Readonly<Record<string, string>>
  incidents: readonly Incident[]
}

/** Why `ticket` waits; null when it does not. Pure. */
export function whyOf(ticket: Ticket, { plan, needs, pausedKinds, incidents }: Around): Why | null {
  const why = (word: Why['word'], values: Partial<Named> = {}, more: Partial<Why> = {}): Why => ({
    word,
    values: { ...NOTHING, ...values },
    detail: '',
    code: '',
    byFreeze: false,
    ...more,
  })
  const own = { detail: ticket.error_message, code: ticket.error_code }
  switch (ticket.status) {
    case 'frozen':
      if (ticket.error_code === 'approval') return why('why.approval', {}, own)
      if (ticket.error_code === 'frozen') return why('why.freeze', {}, { ...own, byFreeze: true })
      return why('why.held', {}, own)
    case 'pending':
      return why('why.pending')
    case 'waiting': {
      const open = needs.filter((need) => need.status !== 'succeeded').map((need) => need.name)
      return open.length > 0 ? why('why.waiting', { names: open.join(', ') }) : why('why.waiting.some')
    }
    case 'ready': {
      if (plan?.paused) return why('why.paused')
      const by = pausedKinds[ticket.task_type]
      if (by !== undefined) return why('why.kind_paused', { kind: ticket.task_type, by })
      const incident = incidents.find((one) => one.kind === 'no_worker' || one.kind === 'scheduler_away')
      if (incident) return why('why.no_worker', {}, { detail: incident.detail, code: incident.kind })
      return why('why.ready')
    }
    case 'leased':
      return why('why.leased', { worker: ticket.allocated_agent_id })
    case 'retrying':
      return why('why.retrying', { attempt: String(ticket.attempt) }, own)
    case 'cancelling':
      return why('why.cancelling', { worker: ticket.allocated_agent_id })
    default:
      return null
  }
}

/** A file that a ticket left, as the API tells of it. */
export interface Artefact {
  name: string
  bytes: number | null
  sha256: string
  path: string
}

/** The API promises no form: what is not there is left empty. Pure. */
export function artefactsOf(ticket: Ticket): Artefact[] {
  const text = (value: unknown) => (typeof value === 'string' ? value : '')
  return ticket.artefacts.map((one) => ({
    name: text(one.name) || text(one.path),
    bytes: typeof one.bytes === 'number' ? one.bytes : null,
    sha256: text(one.sha256),
    path: text(one.path),
  }))
}

/** A value as people read it, indented. */
export const pretty = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2))

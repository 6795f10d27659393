import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import { queries } from '../../api/session.ts'
import type { Graph, Plan, PlanState, TaskType, Ticket, TicketState, WorkEvent } from '../../api/types.ts'
import type { Look } from '../../ui/states.ts'

const TOGETHER = 50
/** Asked again this often besides what the stream tells: it may be away for long. */
const EVERY_MS = 30_000

/** Plans by their state, the newest first, page by page. */
export const plansQuery = (status: PlanState | undefined) =>
  infiniteQueryOptions({
    queryKey: ['plans', status ?? ''],
    queryFn: ({ pageParam }) =>
      sent(
        api.GET('/api/v1/plans', {
          params: { query: { status: status ?? null, limit: TOGETHER, cursor: pageParam } },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
    refetchInterval: EVERY_MS,
  })

export const planQuery = (planId: string) =>
  queryOptions({
    queryKey: ['plan', planId],
    queryFn: () => sent(api.GET('/api/v1/plans/{plan_id}', { params: { path: { plan_id: planId } } })),
    refetchInterval: (query) => (query.state.data?.finished_at == null ? EVERY_MS : false),
  })

/** All tickets of a plan with what they depend on. Kept up to date by `patched`. */
export const graphQuery = (planId: string) =>
  queryOptions({
    queryKey: ['graph', planId],
    queryFn: () => sent(api.GET('/api/v1/plans/{plan_id}/graph', { params: { path: { plan_id: planId } } })),
  })

/** Which tickets; what is left out asks for all. */
export interface TicketsAsked {
  plan?: string | undefined
  state?: TicketState | undefined
  kind?: Kind | undefined
  priority?: Ticket['priority'] | undefined
  /** What stands in the name, the description, the error code or the plan's name. */
  text?: string | undefined
}

/** Tickets of a plan in its order, or of all plans with the newest first, page by page. */
export const ticketsQuery = ({ plan = '', state, kind, priority, text = '' }: TicketsAsked) =>
  infiniteQueryOptions({
    queryKey: ['plan-tickets', plan, state ?? '', kind ?? '', priority ?? '', text],
    queryFn: ({ pageParam }) =>
      sent(
        api.GET('/api/v1/tickets', {
          params: {
            query: {
              ...(plan ? { plan_id: plan } : {}),
              ...(kind ? { type: kind } : {}),
              ...(priority ? { priority } : {}),
              ...(text ? { text } : {}),
              status: state ?? null,
              limit: TOGETHER,
              cursor: pageParam,
            },
          },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
    refetchInterval: EVERY_MS,
  })

/** How many are in which state, whatever state is asked for. */
export const countsQuery = ({ plan = '', kind, priority }: TicketsAsked) =>
  queryOptions({
    queryKey: ['plan-tickets', plan, 'counts', kind ?? '', priority ?? ''],
    queryFn: () =>
      sent(
        api.GET('/api/v1/tickets/counts', {
          params: {
            query: {
              ...(plan ? { plan_id: plan } : {}),
              ...(kind ? { type: kind } : {}),
              ...(priority ? { priority } : {}),
            },
          },
        }),
      ),
    refetchInterval: EVERY_MS,
  })

/** The graph after something happened to one of its tickets; the same object when that changes nothing. Pure. */
export function patched(graph: Graph, event: WorkEvent): Graph {
  const { status } = event.data
  const index = graph.nodes.findIndex((node) => node.ticket_id === event.subject)
  const node = graph.nodes[index]
  if (!node || !isTicketState(status) || node.status === status) return graph
  return { ...graph, nodes: graph.nodes.with(index, { ...node, status }) }
}

/** Takes over what the stream tells of a ticket, before anybody asks again. */
export function hearOf(planId: string, event: WorkEvent): void {
  if (event.data.plan_id !== planId) return
  queries.setQueryData(graphQuery(planId).queryKey, (graph) => (graph ? patched(graph, event) : graph))
}

export const PLAN: Record<PlanState, Look> = {
  submitted: { tone: 'idle', icon: 'clock', word: 'plan.submitted' },
  running: { tone: 'busy', icon: 'play', word: 'plan.running' },
  cancelling: { tone: 'warn', icon: 'stop', word: 'plan.cancelling' },
  compensating: { tone: 'warn', icon: 'restart', word: 'plan.compensating' },
  succeeded: { tone: 'ok', icon: 'check', word: 'plan.succeeded' },
  failed: { tone: 'bad', icon: 'cross', word: 'plan.failed' },
  cancelled: { tone: 'idle', icon: 'stop', word: 'plan.cancelled' },
  compensated: { tone: 'warn', icon: 'restart', word: 'plan.compensated' },
}
const PAUSED: Look = { tone: 'warn', icon: 'pause', word: 'plan.paused' }

/** A plan that goes on is paused first of all. */
export const planLook = (plan: Plan): Look => (plan.paused && !hasEnded(plan) ? PAUSED : PLAN[plan.status])

export const hasEnded = (plan: Plan) => plan.finished_at !== null

export const TICKET: Record<TicketState, Look> = {
  pending: { tone: 'idle', icon: 'pause', word: 'ticket.pending' },
  waiting: { tone: 'idle', icon: 'clock', word: 'ticket.waiting' },
  ready: { tone: 'idle', icon: 'play', word: 'ticket.ready' },
  leased: { tone: 'busy', icon: 'send', word: 'ticket.leased' },
  running: { tone: 'busy', icon: 'worker', word: 'ticket.running' },
  succeeded: { tone: 'ok', icon: 'check', word: 'ticket.succeeded' },
  failed: { tone: 'bad', icon: 'cross', word: 'ticket.failed' },
  retrying: { tone: 'warn', icon: 'restart', word: 'ticket.retrying' },
  cancelling: { tone: 'warn', icon: 'stop', word: 'ticket.cancelling' },
  cancelled: { tone: 'idle', icon: 'stop', word: 'ticket.cancelled' },
  skipped: { tone: 'idle', icon: 'minus', word: 'ticket.skipped' },
  compensating: { tone: 'warn', icon: 'restart', word: 'ticket.compensating' },
  compensated: { tone: 'warn', icon: 'check', word: 'ticket.compensated' },
  dead: { tone: 'bad', icon: 'warning', word: 'ticket.dead' },
  frozen: { tone: 'warn', icon: 'frost', word: 'ticket.frozen' },
}

export const isTicketState = (value: unknown): value is TicketState =>
  typeof value === 'string' && Object.hasOwn(TICKET, value)
export const isPlanState = (value: unknown): value is PlanState =>
  typeof value === 'string' && Object.hasOwn(PLAN, value)

/** States in which nothing more happens by itself. */
const ENDED = new Set<TicketState>(['succeeded', 'failed', 'cancelled', 'skipped', 'compensated', 'dead'])
export const isOver = (status: TicketState) => ENDED.has(status)

/** Kinds stand as the API writes them, in every language. */
export type Kind = TaskType

/** Columns of the board, each with the states of its cards. */
export const LANES = [
  { id: 'waiting', word: 'board.waiting', states: ['pending', 'waiting'] },
  { id: 'ready', word: 'board.ready', states: ['ready', 'retrying'] },
  { id: 'held', word: 'board.held', states: ['frozen'] },
  { id: 'active', word: 'board.active', states: ['leased', 'running', 'cancelling', 'compensating'] },
  { id: 'done', word: 'board.done', states: ['succeeded', 'compensated'] },
  { id: 'failed', word: 'board.failed', states: ['failed', 'dead'] },
  { id: 'dropped', word: 'board.dropped', states: ['cancelled', 'skipped'] },
] as const satisfies readonly { id: string; word: string; states: readonly TicketState[] }[]

/** Parts of a plan by how they ended; what is left of `tickets` has not. */
export const partsOf = (plan: Plan) =>
  [
    { tone: 'ok', count: plan.succeeded },
    { tone: 'bad', count: plan.failed },
    { tone: 'idle', count: plan.cancelled },
  ] as const

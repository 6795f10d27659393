import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import type { components } from '../../api/schema'

type Summary = components['schemas']['Summary']

const EVERY_MS = 30_000
const TOGETHER = 200

export interface OpenWork {
  running: number
  waiting: number
  /** Whether there are more plans than were counted. */
  isMore: boolean
}

/** Tickets that run, and those of plans that go on which do not. */
export const openWorkQuery = queryOptions({
  queryKey: ['open-work'],
  queryFn: async (): Promise<OpenWork> => {
    const of = { limit: TOGETHER, cursor: '' }
    const [plans, tickets] = await Promise.all([
      sent(api.GET('/api/v1/plans', { params: { query: { ...of, status: 'running' } } })),
      sent(api.GET('/api/v1/tickets', { params: { query: { ...of, status: 'running' } } })),
    ])
    const open = plans.items.reduce((sum, plan) => sum + plan.open_tickets, 0)
    const running = tickets.items.length
    return { running, waiting: Math.max(0, open - running), isMore: Boolean(plans.next || tickets.next) }
  },
  refetchInterval: EVERY_MS,
})

export const summaryQuery = queryOptions({
  queryKey: ['budgets', 'summary'],
  queryFn: () => sent(api.GET('/api/v1/budgets/summary')),
  refetchInterval: EVERY_MS,
})

/** Objectives whose budget is running out, or has. Pure. */
export function atRisk(summary: Summary): number {
  const { WARNING = 0, CRITICAL = 0, EXHAUSTED = 0 } = summary.by_status ?? {}
  return WARNING + CRITICAL + EXHAUSTED
}

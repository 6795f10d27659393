/** What may stand in an address. Their own file: pages are loaded when they are opened, the routes at once. */
import type { BudgetState, PlanState, TicketState } from '../api/types.ts'

export const PLAN_VIEWS = ['list', 'board', 'graph'] as const

export const PLAN_STATES = [
  'submitted',
  'running',
  'cancelling',
  'compensating',
  'succeeded',
  'failed',
  'cancelled',
  'compensated',
] as const satisfies readonly PlanState[]

export const TICKET_STATES = [
  'pending',
  'waiting',
  'ready',
  'leased',
  'running',
  'retrying',
  'frozen',
  'cancelling',
  'succeeded',
  'failed',
  'dead',
  'cancelled',
  'skipped',
  'compensating',
  'compensated',
] as const satisfies readonly TicketState[]

export const BUDGET_STATES = [
  'HEALTHY',
  'WARNING',
  'CRITICAL',
  'EXHAUSTED',
  'NO_DATA',
] as const satisfies readonly BudgetState[]

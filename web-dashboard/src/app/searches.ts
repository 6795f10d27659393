/** What may stand in an address. Their own file: pages are loaded when they are opened, the routes at once. */
import type { BudgetState, PlanState, TaskType, Ticket, TicketState } from '../api/types.ts'

type Priority = Ticket['priority']

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

export const TICKET_KINDS = [
  'BUILD',
  'DEPLOY',
  'TEST',
  'VALIDATE',
  'EXECUTE',
  'COMPENSATE',
  'INFER',
  'PULL',
  'MAP',
] as const satisfies readonly TaskType[]

export const TICKET_PRIORITIES = ['CRITICAL', 'HIGH', 'NORMAL', 'LOW'] as const satisfies readonly Priority[]

export const BUDGET_STATES = [
  'HEALTHY',
  'WARNING',
  'CRITICAL',
  'EXHAUSTED',
  'NO_DATA',
] as const satisfies readonly BudgetState[]

export const MODEL_VIEWS = ['machines', 'library'] as const

export const USAGE_BY = ['day', 'key', 'model', 'node', 'user'] as const
export const INCIDENT_KINDS = [
  'runaway',
  'stuck',
  'lost',
  'no_worker',
  'scheduler_away',
  'bus_down',
  'integrity',
] as const

export const EVENT_KINDS = ['node.state', 'part.state', 'worker.state', 'model.nodes', 'problem'] as const

export const LAYOUTS = ['star', 'mesh', 'ring', 'tree', 'hierarchical'] as const

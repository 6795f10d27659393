import openapi from '../../../docs/openapi.json'
import { ACTIONS } from '../app/freezes.ts'
import { BUDGET_STATES, PLAN_STATES, TICKET_STATES } from '../app/searches.ts'
import { BUDGET, PACE } from '../routes/objectives/objectives.ts'
import { PLAN, TICKET } from '../routes/plans/plans.ts'
import { BREAKER, NODE, PART } from './states.ts'

const { UpstreamState, BreakerState, PartState, PlanState, TicketState, Status, Pace, FreezeAction } =
  openapi.components.schemas

test.each([
  ['nodes', NODE, UpstreamState.enum],
  ['breakers', BREAKER, BreakerState.enum],
  ['parts', PART, PartState.enum],
  ['plans', PLAN, PlanState.enum],
  ['tickets', TICKET, TicketState.enum],
  ['budgets', BUDGET, Status.enum],
  ['paces', PACE, Pace.enum],
  ['freezes', ACTIONS, FreezeAction.enum],
])('every state of %s has an icon, a word and a colour', (_, looks, states) => {
  expect(Object.keys(looks).sort()).toEqual([...states].sort())
})

test.each([
  ['plans', PLAN_STATES, PlanState.enum],
  ['tickets', TICKET_STATES, TicketState.enum],
  ['budgets', BUDGET_STATES, Status.enum],
])('every state of %s can stand in an address', (_, known, states) => {
  expect([...known].sort()).toEqual([...states].sort())
})

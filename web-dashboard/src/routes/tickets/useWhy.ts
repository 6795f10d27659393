import { useQuery } from '@tanstack/react-query'
import type { Graph, Ticket } from '../../api/types.ts'
import { planQuery } from '../plans/plans.ts'
import { incidentsQuery, needsOf, pausedKindsQuery, type Why, whyOf } from './tickets.ts'

/** Why `ticket` waits. What stands in a ready ticket's way is asked for; its needs are named where `graph` is known. */
export function useWhy(ticket: Ticket, graph?: Graph): Why | null {
  const enabled = ticket.status === 'ready'
  const { data: plan } = useQuery({ ...planQuery(ticket.plan_id), enabled })
  const { data: pausedKinds = {} } = useQuery({ ...pausedKindsQuery, enabled })
  const { data: incidents = [] } = useQuery({ ...incidentsQuery, enabled })
  const needs = graph ? needsOf(ticket, graph) : []
  return whyOf(ticket, { plan, needs, pausedKinds, incidents })
}

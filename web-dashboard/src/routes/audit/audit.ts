import { infiniteQueryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'

const TOGETHER = 100

/** What is looked for; empty narrows nothing. Moments as a browser's field has them, in local time. */
export interface AuditAsked {
  actor: string
  action: string
  subject: string
  since: string
  until: string
}

export const NOTHING_ASKED: AuditAsked = { actor: '', action: '', subject: '', since: '', until: '' }

/** What goes to the API. Pure. */
export function queryOf({ actor, action, subject, since, until }: AuditAsked) {
  return {
    ...(actor.trim() ? { actor: actor.trim() } : {}),
    ...(action.trim() ? { action: action.trim() } : {}),
    ...(subject.trim() ? { subject: subject.trim() } : {}),
    ...(since ? { since: Date.parse(since) / 1000 } : {}),
    ...(until ? { until: Date.parse(until) / 1000 } : {}),
  }
}

export const auditQuery = (asked: AuditAsked) =>
  infiniteQueryOptions({
    queryKey: ['audit', asked],
    queryFn: ({ pageParam }) =>
      sent(
        api.GET('/api/v1/audit', {
          params: {
            query: { ...queryOf(asked), limit: TOGETHER, ...(pageParam ? { before: pageParam } : {}) },
          },
        }),
      ),
    initialPageParam: 0,
    // Numbers begin with 1: below that nothing is left.
    getNextPageParam: ({ items }) => {
      const last = items.at(-1)?.number ?? 1
      return items.length === TOGETHER && last > 1 ? last : undefined
    },
    staleTime: 0,
  })

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import type { Freeze, Override } from '../../api/types.ts'
import type { Look } from '../../ui/states.ts'

const TOGETHER = 20

export const historyQuery = (sloId: string) =>
  infiniteQueryOptions({
    queryKey: ['freezes', 'history', sloId],
    queryFn: ({ pageParam }) =>
      sent(
        api.GET('/api/v1/policies/freezes/history', {
          params: { query: { limit: TOGETHER, cursor: pageParam, slo_id: sloId } },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
  })

export const policiesQuery = queryOptions({
  queryKey: ['policies'],
  queryFn: async () => (await sent(api.GET('/api/v1/policies'))).items,
})

const HOLDS: Look = { tone: 'bad', icon: 'frost', word: 'freeze.holds' }
const LET: Look = { tone: 'warn', icon: 'play', word: 'freeze.let' }
const OVER: Look = { tone: 'idle', icon: 'check', word: 'freeze.over' }

export function freezeLook(freeze: Freeze): Look {
  if (!freeze.active) return OVER
  return freeze.overrides?.some((one) => one.in_force) ? LET : HOLDS
}

/** Overrides that wait for a second administrator. `now` in Unix seconds. Pure. */
export function openOverrides(freeze: Freeze, now: number): Override[] {
  if (freeze.scope !== 'GLOBAL' || !freeze.active) return []
  return (freeze.overrides ?? []).filter((one) => one.approved_at == null && one.expires_at > now)
}

import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../api/client.ts'
import type { Freeze, FreezeAction } from '../api/types.ts'
import type { Key } from '../i18n/index.ts'

/** What is frozen now. Every page asks, so that nobody wonders why something is refused. */
export const freezesQuery = queryOptions({
  queryKey: ['freezes', 'active'],
  queryFn: async () => (await sent(api.GET('/api/v1/policies/freezes/active'))).items,
  refetchInterval: 30_000,
})

export const ACTIONS: Record<FreezeAction, Key> = {
  BLOCK_PULL: 'freeze.pull',
  BLOCK_DEPLOY: 'freeze.deploy',
  BLOCK_SCALE: 'freeze.scale',
  BLOCK_UPDATE: 'freeze.update',
  ALERT_ONLY: 'freeze.alert_only',
}

/** What freezes refuse, each once; those that only tell refuse nothing. */
export function refusedBy(freezes: readonly Freeze[]): FreezeAction[] {
  const all = freezes.flatMap((freeze) => freeze.actions ?? [])
  return [...new Set(all)].filter((action) => action !== 'ALERT_ONLY')
}

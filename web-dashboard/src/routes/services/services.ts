import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import type { Instance, Ranked } from '../../api/types.ts'
import type { Look } from '../../ui/states.ts'

/** What stands in the address: what narrows the list, and what somebody must be able to do. */
export interface Search {
  q?: string
  able?: string
}

export const STATES: Record<Instance['state'], Look> = {
  healthy: { tone: 'ok', icon: 'check', word: 'services.healthy' },
  degraded: { tone: 'warn', icon: 'warning', word: 'services.degraded' },
  unreachable: { tone: 'bad', icon: 'cross', word: 'services.unreachable' },
}

/** All that the registry knows; asked again often, since leases are short. */
export const instancesQuery = queryOptions({
  queryKey: ['services'],
  queryFn: async () => (await sent(api.GET('/api/v1/registry/instances'))).items,
  refetchInterval: 5_000,
})

/** Narrows nothing: the best few of all. */
const ANYBODY = { labels: [], near: '', node_id: '', states: [], text: '', top: 5 }

/** Who does best what is asked for; every word must be one of theirs. */
export const bestQuery = (asked: string) =>
  queryOptions({
    queryKey: ['services', 'best', asked],
    queryFn: async (): Promise<readonly Ranked[]> =>
      (
        await sent(
          api.POST('/api/v1/registry/discover', { body: { ...ANYBODY, capabilities: wordsOf(asked) } }),
        )
      ).items,
    staleTime: 0,
  })

/** What was typed, parted by spaces and commas. Pure. */
export function wordsOf(asked: string): string[] {
  return [...new Set(asked.split(/[\s,]+/).filter((word) => word !== ''))]
}

/** Whatever is typed stands in the name, the kind, a capability, a label or the address; case is ignored. Pure. */
export function fits(instance: Instance, typed: string): boolean {
  const { name, kind, owner, url, address, capabilities, labels } = instance
  const all = [name, kind, owner, url, address, ...(capabilities ?? []), ...(labels ?? [])]
  return all.some((text) => text?.toLowerCase().includes(typed.trim().toLowerCase()))
}

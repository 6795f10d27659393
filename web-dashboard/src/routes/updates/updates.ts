import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import type { UpdateOutcome, Updates } from '../../api/types.ts'
import type { Look } from '../../ui/states.ts'

/** Milliseconds between two looks; sooner while an update goes on. */
const LOOK_MS = 60_000
const BUSY_LOOK_MS = 2_000

export const updatesQuery = queryOptions({
  queryKey: ['updates'],
  queryFn: () => sent(api.GET('/api/v1/program/updates')),
  refetchInterval: ({ state }) => (state.data?.going_on ? BUSY_LOOK_MS : LOOK_MS),
})

/** What there is to say first. */
export type Stand =
  | 'checkout'
  | 'going_on'
  | 'failed_offer'
  | 'offer'
  | 'problem'
  | 'newest'
  | 'not_looked'
  | 'no_source'

/** How this head's program stands. Pure. */
export function standOf(view: Updates): Stand {
  if (view.going_on) return 'going_on'
  if (!view.installed) return 'checkout'
  if (view.available) return view.available.failed ? 'failed_offer' : 'offer'
  if (!view.configured) return 'no_source'
  if (view.problem) return 'problem'
  return view.checked_at ? 'newest' : 'not_looked'
}

export const STAND: Record<Stand, Look> = {
  checkout: { tone: 'idle', icon: 'question', word: 'updates.stand.checkout' },
  going_on: { tone: 'busy', icon: 'clock', word: 'updates.stand.going_on' },
  failed_offer: { tone: 'warn', icon: 'warning', word: 'updates.stand.failed_offer' },
  offer: { tone: 'busy', icon: 'download', word: 'updates.stand.offer' },
  problem: { tone: 'warn', icon: 'warning', word: 'updates.stand.problem' },
  newest: { tone: 'ok', icon: 'check', word: 'updates.stand.newest' },
  not_looked: { tone: 'idle', icon: 'clock', word: 'updates.stand.not_looked' },
  no_source: { tone: 'idle', icon: 'question', word: 'updates.stand.no_source' },
}

export const RESULT: Record<UpdateOutcome['result'], Look> = {
  kept: { tone: 'ok', icon: 'check', word: 'updates.result.kept' },
  rolled_back: { tone: 'bad', icon: 'restart', word: 'updates.result.rolled_back' },
  interrupted: { tone: 'warn', icon: 'warning', word: 'updates.result.interrupted' },
}

/** Versions that lie here beside the one that runs. Pure. */
export const others = ({ versions, current }: Pick<Updates, 'versions' | 'current'>): readonly string[] =>
  versions.filter((name) => name !== current)

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import type { Budget, BudgetState, Burn, Objective, Pace, Past, Silence, Slo } from '../../api/types.ts'
import type { Key } from '../../i18n/index.ts'
import type { Look, Tone } from '../../ui/states.ts'

/** As often as the cluster itself looks at them. */
const EVERY_MS = 30_000
const TOGETHER = 100
const HISTORY = 1000

export const slosQuery = (service: string) =>
  infiniteQueryOptions({
    queryKey: ['slos', service],
    queryFn: ({ pageParam }) =>
      sent(
        api.GET('/api/v1/slos', {
          params: { query: { service_name: service, limit: TOGETHER, cursor: pageParam } },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
    refetchInterval: EVERY_MS,
  })

export const budgetsQuery = queryOptions({
  queryKey: ['budgets'],
  queryFn: async () => (await sent(api.GET('/api/v1/budgets'))).items,
  refetchInterval: EVERY_MS,
})

/** An objective and what a change of it goes with, so that it overlooks no other one. */
export interface Tagged {
  slo: Slo
  tag: string | null
}

export const sloQuery = (sloId: string) =>
  queryOptions({
    queryKey: ['slos', 'one', sloId],
    queryFn: async (): Promise<Tagged> => {
      const call = api.GET('/api/v1/slos/{slo_id}', { params: { path: { slo_id: sloId } } })
      const slo = await sent(call)
      return { slo, tag: (await call).response.headers.get('etag') }
    },
  })

/** Its budget as of the last evaluation; null while it is switched off or was never looked at. */
export const budgetQuery = (sloId: string) =>
  queryOptions({
    queryKey: ['budgets', sloId],
    queryFn: () => sent(api.GET('/api/v1/budgets/{slo_id}', { params: { path: { slo_id: sloId } } })),
    refetchInterval: EVERY_MS,
  })

/** How it stood, the oldest first. */
export const pastQuery = (sloId: string) =>
  queryOptions({
    queryKey: ['budgets', sloId, 'history'],
    queryFn: async () => {
      const params = { path: { slo_id: sloId }, query: { limit: HISTORY } }
      return (await sent(api.GET('/api/v1/budgets/{slo_id}/history', { params }))).items.toReversed()
    },
    refetchInterval: 5 * EVERY_MS,
  })

export const silencesQuery = queryOptions({
  queryKey: ['silences'],
  queryFn: async () => (await sent(api.GET('/api/v1/silences'))).items,
})

export const BUDGET: Record<BudgetState, Look> = {
  HEALTHY: { tone: 'ok', icon: 'check', word: 'budget.healthy' },
  WARNING: { tone: 'warn', icon: 'warning', word: 'budget.warning' },
  CRITICAL: { tone: 'bad', icon: 'flag', word: 'budget.critical' },
  EXHAUSTED: { tone: 'bad', icon: 'cross', word: 'budget.exhausted' },
  NO_DATA: { tone: 'idle', icon: 'question', word: 'budget.no_data' },
}
export const OFF: Look = { tone: 'idle', icon: 'stop', word: 'slo.off' }

export const PACE: Record<Pace, Key> = {
  NORMAL: 'pace.normal',
  ELEVATED: 'pace.elevated',
  FAST: 'pace.fast',
  CRITICAL: 'pace.critical',
}
export const PACE_TONE: Record<Pace, Tone | undefined> = {
  NORMAL: undefined,
  ELEVATED: undefined,
  FAST: 'warn',
  CRITICAL: 'bad',
}

export const isBudgetState = (value: unknown): value is BudgetState =>
  typeof value === 'string' && Object.hasOwn(BUDGET, value)

/** One row of the list: an objective, and its budget while it is switched on. */
export interface Row {
  slo: Slo
  budget: Budget | undefined
}

/** The worst first, what is switched off last. Pure. */
export function rowsOf(slos: readonly Slo[], budgets: readonly Budget[]): Row[] {
  const known = new Map(budgets.map((budget) => [budget.slo_id, budget]))
  const rank = ({ slo, budget }: Row) =>
    slo.objective.enabled === false ? 2 : budget?.remaining == null ? 1 : 0
  return slos
    .map((slo) => ({ slo, budget: known.get(slo.slo_id) }))
    .sort(
      (one, other) =>
        rank(one) - rank(other) ||
        (one.budget?.remaining ?? 0) - (other.budget?.remaining ?? 0) ||
        one.slo.slo_id.localeCompare(other.slo.slo_id),
    )
}

export const lookOf = (row: Row): Look =>
  row.slo.objective.enabled === false ? OFF : BUDGET[row.budget?.status ?? 'NO_DATA']

/** The window of the last hour, or the shortest one that there is. */
export function hourOf(budget: Budget | undefined): Burn | undefined {
  const rates = budget?.burn_rates ?? []
  return rates.find((one) => one.window_seconds === 3600) ?? rates[0]
}

export const firing = (budget: Budget | undefined) => (budget?.alerts ?? []).filter((one) => one.fires).length

/** Whether a budget needs somebody. */
export const isAtRisk = (status: BudgetState) => status !== 'HEALTHY' && status !== 'NO_DATA'

export interface Course {
  at: number[]
  /** Shares of the budget that were left, in percent; null where nobody knew. */
  left: (number | null)[]
}

export function courseOf(past: readonly Past[]): Course {
  return {
    at: past.map((one) => one.calculated_at),
    left: past.map((one) => (one.remaining == null ? null : one.remaining * 100)),
  }
}

/** Silences that name the objective. Pure. */
export function silencesOf(silences: readonly Silence[], sloId: string): Silence[] {
  return silences.filter(
    (one) =>
      one.state !== 'expired' && one.matchers?.some((match) => match.name === 'slo' && match.value === sloId),
  )
}

/** An objective that nothing was filled in for yet. */
export const FRESH: Objective = {
  name: '',
  description: '',
  service_name: 'gateway',
  layer: '',
  slo_type: 'AVAILABILITY',
  target: 0.99,
  window_days: 30,
  budgeting: 'Occurrences',
  slice_target: null,
  sli_query: {
    source: 'gateway',
    model: '',
    node: '',
    kind: '',
    measure: 'total',
    threshold_seconds: null,
    valid: '',
    good: '',
    bad: '',
  },
  thresholds: { warning: 0.5, critical: 0.2 },
  alert_windows: [],
  min_bad_events: 3,
  enabled: true,
}

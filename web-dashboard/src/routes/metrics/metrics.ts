import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import type { Recent, RecentSeries } from '../../api/types.ts'
import type { Key } from '../../i18n/index.ts'

/** How far back the page looks. */
export const SPANS = [5, 15, 60] as const
export type Span = (typeof SPANS)[number]

/** What stands in the address. */
export interface Search {
  minutes?: Span
  view?: 'table'
}

export type Metric = RecentSeries['metric']
export type Unit = 'number' | 'share' | 'watts' | 'celsius'

/** More lines than these in one drawing are a tangle; the table has all of them. */
export const MOST_LINES = 6

export const recentQuery = (minutes: Span) =>
  queryOptions({
    queryKey: ['recent', minutes],
    queryFn: (): Promise<Recent> =>
      sent(api.GET('/api/v1/metrics/recent', { params: { query: { minutes } } })),
    // A point is ten seconds; of an hour, thirty.
    refetchInterval: minutes === 60 ? 30_000 : 10_000,
  })

/** One thing's course, with what it is called. */
export interface Line {
  key: string
  label: string
  values: readonly (number | null)[]
}

export interface Card {
  id: string
  word: Key
  unit: Unit
  group: 'traffic' | 'head' | 'machines'
  /** One line for each subject of the one metric; of several metrics one line for each. */
  metrics: readonly Metric[]
}

export const CARDS: readonly Card[] = [
  { id: 'tokens', word: 'metrics.tokens', unit: 'number', group: 'traffic', metrics: ['tokens'] },
  { id: 'requests', word: 'metrics.requests', unit: 'number', group: 'traffic', metrics: ['requests'] },
  { id: 'inflight', word: 'metrics.inflight', unit: 'number', group: 'traffic', metrics: ['inflight'] },
  { id: 'errors', word: 'metrics.errors', unit: 'number', group: 'traffic', metrics: ['errors'] },
  { id: 'nodes', word: 'metrics.nodes', unit: 'number', group: 'traffic', metrics: ['node_inflight'] },
  { id: 'head', word: 'metrics.head', unit: 'share', group: 'head', metrics: ['cpu', 'memory', 'disk'] },
  { id: 'cpu', word: 'metrics.machine_cpu', unit: 'share', group: 'machines', metrics: ['machine_cpu'] },
  {
    id: 'memory',
    word: 'metrics.machine_memory',
    unit: 'share',
    group: 'machines',
    metrics: ['machine_memory'],
  },
  { id: 'gpu', word: 'metrics.machine_gpu', unit: 'share', group: 'machines', metrics: ['machine_gpu'] },
  {
    id: 'watts',
    word: 'metrics.machine_watts',
    unit: 'watts',
    group: 'machines',
    metrics: ['machine_watts'],
  },
  {
    id: 'celsius',
    word: 'metrics.machine_celsius',
    unit: 'celsius',
    group: 'machines',
    metrics: ['machine_celsius'],
  },
]

const HEAD_WORDS: Partial<Record<Metric, Key>> = {
  cpu: 'metrics.cpu',
  memory: 'metrics.memory',
  disk: 'metrics.disk',
}

/** The lines of a card, the highest first; none where nothing of it was ever told. Pure. */
export function linesOf(card: Card, recent: Recent, word: (key: Key) => string): Line[] {
  const lines = recent.series
    .filter(({ metric }) => card.metrics.includes(metric))
    .map(({ metric, subject, values }) => ({
      key: `${metric} ${subject}`,
      label: card.metrics.length > 1 ? word(HEAD_WORDS[metric] ?? card.word) : subject || word(card.word),
      values,
    }))
    .filter(({ values }) => values.some((one) => one !== null))
  return card.metrics.length > 1 ? lines : lines.sort((one, other) => mean(other) - mean(one))
}

const mean = (line: Line) => factsOf(line.values).mean ?? 0

export interface LineFacts {
  now: number | null
  mean: number | null
  most: number | null
}

/** What a line comes to in figures; `now` is what it ends with. Pure. */
export function factsOf(values: Line['values']): LineFacts {
  const told = values.filter((one): one is number => one !== null)
  if (told.length === 0) return { now: null, mean: null, most: null }
  return {
    now: values.at(-1) ?? null,
    mean: told.reduce((sum, one) => sum + one, 0) / told.length,
    most: Math.max(...told),
  }
}

/** When each point ends, in Unix seconds, the oldest first. Pure. */
export function timesOf({ until, step_seconds }: Recent, count: number): number[] {
  return Array.from({ length: count }, (_, at) => until - step_seconds * (count - 1 - at))
}

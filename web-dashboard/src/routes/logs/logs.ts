import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import type { LogCounts, LogKept, LogLevel, LogLine } from '../../api/types.ts'
import type { Look } from '../../ui/states.ts'

export const TOGETHER = 200
const EVERY_MS = 2000
const COUNTED_EVERY_MS = 15_000
const MUCH = 1024 * 1024

/** Longest look back of the bars, in minutes, and how people call it. */
export const SPANS = {
  60: 'logs.span.hour',
  360: 'logs.span.six',
  1440: 'logs.span.day',
  10080: 'logs.span.week',
} as const
export type Span = keyof typeof SPANS

/** The newest lines that meet `asked`; asked again while they are followed. */
export const linesQuery = (asked: string, isFollowing: boolean) =>
  queryOptions({
    queryKey: ['logs', asked],
    queryFn: () => sent(api.GET('/api/v1/logs', { params: { query: { q: asked, limit: TOGETHER } } })),
    // A search that cannot be read is none the better for being asked again.
    refetchInterval: (query) =>
      isFollowing && !(query.state.error && query.state.data === undefined) ? EVERY_MS : false,
    staleTime: 0,
  })

export const olderLines = (asked: string, before: number) =>
  sent(api.GET('/api/v1/logs', { params: { query: { q: asked, limit: TOGETHER, before } } }))

export const countsQuery = (asked: string, minutes: Span, isFollowing: boolean) =>
  queryOptions({
    queryKey: ['log-counts', asked, minutes],
    queryFn: () =>
      sent(api.GET('/api/v1/logs/counts', { params: { query: { q: asked, minutes: Number(minutes) } } })),
    refetchInterval: (query) => (isFollowing && !query.state.error ? COUNTED_EVERY_MS : false),
  })

export const LEVEL: Record<LogLevel, Look> = {
  debug: { tone: 'idle', icon: 'question', word: 'logs.level.debug' },
  info: { tone: 'idle', icon: 'check', word: 'logs.level.info' },
  warning: { tone: 'warn', icon: 'warning', word: 'logs.level.warning' },
  error: { tone: 'bad', icon: 'cross', word: 'logs.level.error' },
  critical: { tone: 'bad', icon: 'stop', word: 'logs.level.critical' },
}

/** One step to draw. Shares are of the highest one, 0 to 1. */
export interface Bar {
  at: number
  lines: number
  warnings: number
  errors: number
  share: number
  bad: number
}

/** Every step, those without lines among them. Pure. */
export function barsOf(counts: LogCounts): Bar[] {
  const known = new Map(counts.items.map((one) => [one.at, one]))
  const top = Math.max(1, ...counts.items.map((one) => one.lines))
  return Array.from({ length: counts.steps }, (_, index) => {
    const at = counts.first + index * counts.step_seconds
    const { lines = 0, warnings = 0, errors = 0 } = known.get(at) ?? {}
    return { at, lines, warnings, errors, share: lines / top, bad: lines ? (warnings + errors) / lines : 0 }
  })
}

/** Newest first, each once, though pages overlap while lines come. Pure. */
export function joined(newest: readonly LogLine[], older: readonly LogLine[]): LogLine[] {
  const last = newest.at(-1)?.number ?? Number.POSITIVE_INFINITY
  return [...newest, ...older.filter((line) => line.number < last)]
}

/** Whether something is missing from the store that somebody should know of. */
export const isPartial = (kept: LogKept) => kept.lost_bytes > 0 || kept.behind_bytes > MUCH

/** `asked` with its least level set to `level`, or without one. */
export function withLevel(asked: string, level: LogLevel | ''): string {
  const rest = asked
    .replace(/(^|\s)level:\S*/gi, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return [rest, level && `level:${level}`].filter(Boolean).join(' ')
}

export function levelOf(asked: string): LogLevel | '' {
  const found = /(?:^|\s)level:(\S+)/i.exec(asked)?.[1]?.toLowerCase() ?? ''
  return found in LEVEL ? (found as LogLevel) : ''
}

/** A field's value as a line of text. */
export const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

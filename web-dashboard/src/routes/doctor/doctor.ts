import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import type { Finding } from '../../api/types.ts'
import type { Language } from '../../i18n/index.ts'
import type { Look } from '../../ui/states.ts'

/** In the reader's language; looked at when asked, never by itself: each look starts a process on the head. */
export const doctorQuery = (lang: Language) =>
  queryOptions({
    queryKey: ['doctor', lang],
    queryFn: () => sent(api.GET('/api/v1/program/doctor', { params: { query: { lang } } })),
    staleTime: 60_000,
  })

export const VERDICT: Record<Finding['verdict'], Look> = {
  problem: { tone: 'bad', icon: 'cross', word: 'doctor.problem' },
  warning: { tone: 'warn', icon: 'warning', word: 'doctor.warning' },
  ok: { tone: 'ok', icon: 'check', word: 'doctor.ok' },
}

export const FIX = {
  safe: 'doctor.fix.safe',
  asks: 'doctor.fix.asks',
  'by hand': 'doctor.fix.by_hand',
} as const satisfies Record<Exclude<Finding['fix'], ''>, string>

/** Those of one verdict, in the order they were looked at: foundations first. Pure. */
export const having = (verdict: Finding['verdict'], checks: readonly Finding[]): readonly Finding[] =>
  checks.filter((one) => one.verdict === verdict)

const LINE = /^(\.\/manager\.sh|cluster-ai|chmod|rm|git|sudo) /

/** The line to copy: what mends it, else a hint that is a line itself. Pure. */
export function lineOf({ command, hint }: Pick<Finding, 'command' | 'hint'>): string {
  if (command) return command
  return LINE.test(hint) ? hint : ''
}

/** Whether `doctor --fix safe` would do something. Pure. */
export const canMend = (checks: readonly Finding[]): boolean => checks.some(({ fix }) => fix === 'safe')

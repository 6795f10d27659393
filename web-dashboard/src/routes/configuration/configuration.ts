import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import { queries } from '../../api/session.ts'
import type { Setting, SettingsTold, TlsTold } from '../../api/types.ts'
import type { Language } from '../../i18n/index.ts'

/** What stands in the address: what narrows the list. */
export interface Search {
  q?: string
  only?: 'changed'
}

export type Value = Setting['written']

export const settingsQuery = queryOptions({
  queryKey: ['settings'],
  queryFn: (): Promise<SettingsTold> => sent(api.GET('/api/v1/settings')),
})

export const tlsQuery = queryOptions({
  queryKey: ['settings', 'tls'],
  queryFn: (): Promise<TlsTold> => sent(api.GET('/api/v1/settings/tls')),
})

/** What settings mean, by name. English comes with the settings themselves. */
export const meaningsQuery = (language: Language) =>
  queryOptions({
    queryKey: ['meanings', language],
    queryFn: async (): Promise<Record<string, string>> =>
      language === 'pt-BR' ? (await import('../../i18n/settings.pt-BR.json')).default : {},
    staleTime: Number.POSITIVE_INFINITY,
  })

/** Writes one; null takes it back to its default. Refused when somebody changed the file since it was read. */
export async function change(name: string, value: Value, revision: string): Promise<void> {
  const told = await sent(
    api.PATCH('/api/v1/settings', {
      params: { header: { 'If-Match': `"${revision}"` } },
      body: { changes: { [name]: value } },
    }),
  ).finally(() => queries.invalidateQueries({ queryKey: settingsQuery.queryKey, exact: true }))
  queries.setQueryData(settingsQuery.queryKey, told)
}

/** Somebody wrote it: it is not what it is by itself. Pure. */
export const isSet = ({ source }: Setting): boolean => source !== 'default'

/** Whatever is typed stands in the name or the meaning; case is ignored. Pure. */
export function fits(setting: Setting, meaning: string, typed: string): boolean {
  const wanted = typed.trim().toLowerCase()
  return setting.name.toLowerCase().includes(wanted) || meaning.toLowerCase().includes(wanted)
}

/** A value as it is read in a line; nothing for one that is not set. Pure. */
export function shown(value: Value): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What was typed into a field, as the API takes it; undefined for what cannot be one. Pure. */
export function read(setting: Setting, typed: string): Value | undefined {
  const text = typed.trim()
  if (text === '' && setting.optional) return null
  switch (setting.kind) {
    case 'integer':
    case 'number': {
      const number = Number(text)
      const isOne =
        text !== '' && (setting.kind === 'number' ? Number.isFinite(number) : Number.isInteger(number))
      return isOne ? number : undefined
    }
    case 'switch':
      return text === 'true'
    case 'list':
    case 'table':
      return parsed(text, setting.kind)
    default:
      return typed
  }
}

function parsed(text: string, kind: 'list' | 'table'): Value | undefined {
  try {
    const found: unknown = JSON.parse(text)
    const fits = kind === 'list' ? Array.isArray(found) : typeof found === 'object' && !Array.isArray(found)
    return fits && found !== null ? (found as Value) : undefined
  } catch {
    return undefined
  }
}

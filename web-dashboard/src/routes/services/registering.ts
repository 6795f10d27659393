import type { Instance, Me, Registration } from '../../api/types.ts'
import type { Key } from '../../i18n/index.ts'
import { wordsOf } from './services.ts'

/** An hour: the longest lease that the registry gives. */
export const LONGEST_MINUTES = 60

/** As it is typed: words of a field are parted by spaces and commas. */
export interface NewService {
  name: string
  kind: string
  id: string
  url: string
  capabilities: string
  labels: string
  minutes: number
}

export const NEW_SERVICE: NewService = {
  name: '',
  kind: 'service',
  id: '',
  url: '',
  capabilities: '',
  labels: '',
  minutes: LONGEST_MINUTES,
}

// As the API's description has them.
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$/
const KIND = /^[a-z][a-z0-9-]{0,31}$/
const URL_ = /^[a-z][a-z0-9+.-]*:\/\/\S+$/
const WORD = /^[A-Za-z0-9][A-Za-z0-9._:/@+=-]{0,127}$/

/** What is wrong with what was typed, by field; what is still empty is no mistake. Pure. */
export function wrongIn(made: NewService): Partial<Record<keyof NewService, Key>> {
  const wrong: Partial<Record<keyof NewService, Key>> = {}
  if (made.name.trim() && !NAME.test(made.name.trim())) wrong.name = 'services.wrong.name'
  if (made.id.trim() && !NAME.test(made.id.trim())) wrong.id = 'services.wrong.name'
  if (!KIND.test(made.kind.trim())) wrong.kind = 'services.wrong.kind'
  if (made.url.trim() && !URL_.test(made.url.trim())) wrong.url = 'services.wrong.url'
  for (const field of ['capabilities', 'labels'] as const) {
    if (!wordsOf(made[field]).every((word) => WORD.test(word))) wrong[field] = 'services.wrong.words'
  }
  if (!(Number.isInteger(made.minutes) && made.minutes >= 1 && made.minutes <= LONGEST_MINUTES))
    wrong.minutes = 'services.wrong.minutes'
  return wrong
}

/** As it is sent. Pure. */
export function asRegistered(made: NewService): Registration {
  const id = made.id.trim()
  return {
    ...(id ? { id } : {}),
    name: made.name.trim(),
    kind: made.kind.trim(),
    url: made.url.trim(),
    capabilities: wordsOf(made.capabilities),
    labels: wordsOf(made.labels),
    lease_seconds: made.minutes * 60,
    node_id: '',
    address: '',
    port: 0,
    version: '',
    telemetry: {},
  } as Registration
}

/** The cluster's own: who removes them sees them again with their next beat. */
const OF_THE_CLUSTER: ReadonlySet<string> = new Set(['fleet', 'head'])

/** Whether somebody may take it out, and it would stay out. Pure. */
export function mayRemove(instance: Instance, user: Me['user'] | undefined): boolean {
  if (!user || OF_THE_CLUSTER.has(instance.owner ?? '')) return false
  return user.role === 'admin' || (user.role === 'operator' && instance.owner === user.id)
}

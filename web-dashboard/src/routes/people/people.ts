import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import { queries } from '../../api/session.ts'
import type { Person, Role } from '../../api/types.ts'
import type { Key } from '../../i18n/index.ts'
import type { Look } from '../../ui/states.ts'

export const peopleQuery = queryOptions({
  queryKey: ['people'],
  queryFn: async () => (await sent(api.GET('/api/v1/users'))).items,
})

/** Roles that people have, the smallest first, and their words. */
export const ROLE_WORDS = {
  viewer: 'role.viewer',
  user: 'role.user',
  operator: 'role.operator',
  admin: 'role.admin',
} as const satisfies Partial<Record<Role, Key>>

export type PersonRole = keyof typeof ROLE_WORDS

export const SHORTEST = 8

const ACTIVE: Look = { tone: 'ok', icon: 'check', word: 'person.active' }
const DISABLED: Look = { tone: 'idle', icon: 'pause', word: 'person.disabled' }

export const personLook = (person: Person): Look => (person.disabled ? DISABLED : ACTIVE)

const again = () => queries.invalidateQueries({ queryKey: peopleQuery.queryKey })

export async function createPerson(name: string, role: PersonRole, password: string): Promise<string> {
  const made = await sent(api.POST('/api/v1/users', { body: { name, role, password } }))
  await again()
  return made.password
}

export async function changePerson(
  name: string,
  change: { role?: PersonRole; disabled?: boolean },
): Promise<void> {
  await sent(api.PATCH('/api/v1/users/{user}', { params: { path: { user: name } }, body: change }))
  await again()
}

/** A password that was made up, when none is given. */
export async function givePassword(name: string, password: string): Promise<string> {
  const path = { user: name }
  const given = await sent(
    api.POST('/api/v1/users/{user}/password', { params: { path }, body: { password } }),
  )
  await again()
  return given.password
}

export async function resetFactor(name: string): Promise<void> {
  await sent(api.DELETE('/api/v1/users/{user}/second-factor', { params: { path: { user: name } } }))
  await again()
}

export async function removePerson(name: string): Promise<void> {
  await sent(api.DELETE('/api/v1/users/{user}', { params: { path: { user: name } } }))
  await again()
}

/** Where `user` is signed in; oneself when empty. */
export const sessionsQuery = (user: string) =>
  queryOptions({
    queryKey: ['sessions', user],
    queryFn: async () =>
      user
        ? (await sent(api.GET('/api/v1/users/{user}/sessions', { params: { path: { user } } }))).items
        : (await sent(api.GET('/api/v1/auth/sessions'))).items,
  })

export async function endSession(user: string, session: string): Promise<void> {
  await (user
    ? sent(api.DELETE('/api/v1/users/{user}/sessions/{session}', { params: { path: { user, session } } }))
    : sent(api.DELETE('/api/v1/auth/sessions/{session}', { params: { path: { session } } })))
  await queries.invalidateQueries({ queryKey: ['sessions'] })
}

/** All but the one that asks. */
export async function endSessions(user: string): Promise<void> {
  await (user
    ? sent(api.DELETE('/api/v1/users/{user}/sessions', { params: { path: { user } } }))
    : sent(api.DELETE('/api/v1/auth/sessions')))
  await queries.invalidateQueries({ queryKey: ['sessions'] })
}

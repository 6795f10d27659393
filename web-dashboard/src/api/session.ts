import { QueryClient, queryOptions } from '@tanstack/react-query'
import { dropStored } from '../i18n/index.ts'
import { api, keepCsrf, sent } from './client.ts'
import { ApiError } from './errors.ts'
import type { Me, Role } from './types.ts'

export const queries = new QueryClient({
  defaultOptions: { queries: { retry: false, refetchOnWindowFocus: false, staleTime: 60_000 } },
})

/** Who is signed in; null when nobody is. */
export const meQuery = queryOptions<Me | null>({
  queryKey: ['me'],
  queryFn: async () => {
    try {
      const me = await sent(api.GET('/api/v1/auth/me'))
      keepCsrf(me)
      return me
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        keepCsrf(null)
        return null
      }
      throw error
    }
  },
  staleTime: Number.POSITIVE_INFINITY,
})

export async function signIn(username: string, password: string, code: string): Promise<Me> {
  const me = await sent(api.POST('/api/v1/auth/login', { body: { username, password, code } }))
  keepCsrf(me)
  queries.setQueryData(meQuery.queryKey, me)
  return me
}

/** Where the chat keeps what was said, by its owner. */
const TALKS = 'cluster-ai.chat.'

export async function signOut(): Promise<void> {
  try {
    await sent(api.POST('/api/v1/auth/logout'))
  } catch (error) {
    // A session that ended by itself is signed out, too.
    if (!(error instanceof ApiError && error.status === 401)) throw error
  }
  forget()
  // Whoever signs out leaves none of their talks to the next one at this machine. A session that ends by itself does.
  dropStored(TALKS)
}

/** Drops everything that belonged to the session. */
export function forget(): void {
  keepCsrf(null)
  queries.clear()
  queries.setQueryData(meQuery.queryKey, null)
}

export async function changePassword(current: string, fresh: string): Promise<void> {
  await sent(api.POST('/api/v1/auth/password', { body: { current, new: fresh } }))
  await queries.invalidateQueries({ queryKey: meQuery.queryKey })
}

const RANK: Record<string, number> = { viewer: 0, user: 1, operator: 2, admin: 3 }

/** Whether `role` reaches `least`. The API decides; this only spares people buttons that would be refused. */
export function reaches(role: Role | undefined, least: 'user' | 'operator' | 'admin'): boolean {
  return (RANK[role ?? ''] ?? -1) >= (RANK[least] ?? 9)
}

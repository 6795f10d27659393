import createClient, { type Middleware } from 'openapi-fetch'
import { ApiError, errorOf, networkError } from './errors.ts'
import type { paths } from './schema'
import type { Me } from './types.ts'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** The token that unsafe calls carry besides the cookie. It lives in memory only: a reload asks for it again. */
let csrf = ''

export function csrfToken(): string {
  return csrf
}

export function keepCsrf(me: Me | null): void {
  csrf = me?.csrf ?? ''
}

const guard: Middleware = {
  onRequest({ request }) {
    if (!SAFE.has(request.method) && csrf) request.headers.set('X-CSRF-Token', csrf)
    return request
  },
}

export const api = createClient<paths>({
  baseUrl: window.location.origin,
  fetch: (request) => fetch(request),
})
api.use(guard)

interface Answered<T> {
  data?: T
  response: Response
  error?: unknown
}

/** The data of a call, or an `ApiError` thrown. */
export async function sent<T>(call: Promise<Answered<T>>): Promise<T> {
  let answered: Answered<T>
  try {
    answered = await call
  } catch (cause) {
    throw networkError(cause)
  }
  if (answered.response.ok) return answered.data as T
  const problem = answered.error
  if (isProblem(problem)) {
    const wait = Number.parseInt(answered.response.headers.get('retry-after') ?? '', 10)
    throw new ApiError({ ...problem, status: answered.response.status }, Number.isFinite(wait) ? wait : null)
  }
  throw await errorOf(new Response(null, answered.response))
}

function isProblem(value: unknown): value is { code: string; detail?: string; hint?: string } {
  return typeof value === 'object' && value !== null && typeof (value as { code?: unknown }).code === 'string'
}

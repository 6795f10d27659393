import type { Problem } from './types.ts'

/** A request that failed. `code` is the API's own, or `network` when nothing answered, or `http` without a body. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly hint: string
  readonly fields: readonly { path: string; message: string }[]
  /** What the code's sentence names. */
  readonly values: Readonly<Record<string, string>>
  /** Seconds to wait, where the API says so. */
  readonly retryAfter: number | null

  constructor(
    problem: Partial<Problem> & { status: number; code: string; values?: Record<string, string> },
    retryAfter: number | null = null,
  ) {
    super(problem.detail ?? '')
    this.status = problem.status
    this.code = problem.code
    this.hint = problem.hint ?? ''
    this.fields = problem.errors ?? []
    this.values = problem.values ?? {}
    this.retryAfter = retryAfter
  }
}

/** The error that `response` carries; its body may be anything. */
export async function errorOf(response: Response): Promise<ApiError> {
  const wait = Number.parseInt(response.headers.get('retry-after') ?? '', 10)
  const retryAfter = Number.isFinite(wait) ? wait : null
  try {
    const body = (await response.json()) as Partial<Problem>
    if (typeof body.code === 'string') {
      return new ApiError({ ...body, code: body.code, status: response.status }, retryAfter)
    }
  } catch {
    // Not JSON: a proxy in between, or half an answer.
  }
  return new ApiError({ status: response.status, code: 'http', detail: response.statusText }, retryAfter)
}

export function networkError(cause: unknown): ApiError {
  const error = new ApiError({ status: 0, code: 'network', detail: '' })
  error.cause = cause
  return error
}

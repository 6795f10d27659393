import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router'
import { act, render, screen } from '@testing-library/react'
import { onTestFinished } from 'vitest'
import openapi from '../../../docs/openapi.json'
import { meQuery, queries } from '../api/session.ts'
import type { Me } from '../api/types.ts'
import { createAppRouter } from '../app/router.tsx'
import { theme } from '../app/theme.ts'
import { Notices } from '../ui/notices.tsx'
import { me } from './fixtures.ts'

/** What the API said to one call: JSON, or a whole response. */
export type Answer = (call: Call) => unknown

export interface Call {
  /** As the description has it: `POST /api/v1/plans/{plan_id}/cancel`. */
  route: string
  url: URL
  body: unknown
  headers: Headers
}

interface Described {
  route: string
  pattern: RegExp
  queries: ReadonlySet<string>
  fixed: number
}

/** Every route of the API's description, those with the most fixed text first: `/plans/new` before `/plans/{id}`. */
const ROUTES: readonly Described[] = Object.entries(openapi.paths)
  .flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, { parameters?: { in: string; name: string }[] }>).map(
      ([method, operation]) => ({
        route: `${method.toUpperCase()} ${path}`,
        pattern: new RegExp(`^${method.toUpperCase()} ${path.replace(/\{\w+\}/g, '[^/]+')}$`),
        queries: new Set(
          (operation.parameters ?? []).filter((one) => one.in === 'query').map((one) => one.name),
        ),
        fixed: path.replace(/\{\w+\}/g, '').length,
      }),
    ),
  )
  .sort((one, other) => other.fixed - one.fixed)

/** The route that a request goes to.
 * @throws Error where the API has none such, or does not know what is asked of it. */
export function routeOf(method: string, url: URL): string {
  const found = ROUTES.find((one) => one.pattern.test(`${method} ${url.pathname}`))
  if (!found) throw new Error(`the API has no ${method} ${url.pathname}`)
  for (const name of url.searchParams.keys()) {
    if (!found.queries.has(name)) throw new Error(`${found.route} knows no ${name}`)
  }
  return found.route
}

export function problem(status: number, code: string, detail = '', more: object = {}): Response {
  return Response.json({ type: 'about:blank', title: '', status, detail, code, ...more }, { status })
}

const EMPTY = { items: [], next: null }
/** What every page asks for. */
const QUIET: Record<string, Answer> = {
  'GET /api/v1/policies/freezes/active': () => ({ items: [] }),
  'GET /api/v1/policies/freezes/history': () => EMPTY,
  'GET /api/v1/silences': () => EMPTY,
  'GET /api/v1/incidents': () => ({ items: [], next: '' }),
  'GET /api/v1/event-log': () => ({ items: [] }),
  'GET /api/v1/tickets/paused-kinds': () => ({ items: {} }),
  'GET /api/v1/tickets/counts': () => ({ items: {}, total: 0 }),
}

/** The tab's WebSocket, by which a test says what happens. */
export class FakeSocket {
  static last: FakeSocket | undefined
  readonly url: string
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  private number = 0

  constructor(url: URL) {
    this.url = String(url)
    FakeSocket.last = this
  }

  close() {}

  say(topic: string, data: unknown) {
    this.number += 1
    this.onmessage?.({ data: JSON.stringify({ number: this.number, topic, data }) })
  }
}

/** Opens the dashboard at `path` over an API that answers as told; a call that its description lacks fails. */
export async function openApp(path: string, answers: Record<string, Answer>, who: Me = me()) {
  queries.clear()
  queries.setQueryData(meQuery.queryKey, who)
  const calls: Call[] = []
  const strays: unknown[] = []
  onTestFinished(() => expect(strays).toEqual([]))
  const known: Record<string, Answer> = { ...QUIET, ...answers }
  // The signal of this page's AbortController is none that the Request of Node knows.
  const answer = async (
    input: Request | string,
    { signal: _, ...init }: RequestInit = {},
  ): Promise<Response> => {
    const request =
      typeof input === 'string' ? new Request(new URL(input, window.location.href), init) : input
    const url = new URL(request.url)
    try {
      const text = await request.clone().text()
      const body = text === '' ? null : (JSON.parse(text) as unknown)
      const call = { route: routeOf(request.method, url), url, body, headers: request.headers }
      calls.push(call)
      const said = known[call.route]?.(call)
      if (said === undefined) return problem(404, 'not_found', `nothing is known of ${call.route}`)
      return said instanceof Response ? said : Response.json(said)
    } catch (error) {
      strays.push(error)
      throw error
    }
  }
  vi.stubGlobal('fetch', answer)
  vi.stubGlobal('WebSocket', FakeSocket)
  const router = createAppRouter(createMemoryHistory({ initialEntries: [path] }))
  render(
    <MantineProvider theme={theme} env="test">
      <QueryClientProvider client={queries}>
        <Notices>
          <RouterProvider router={router} />
        </Notices>
      </QueryClientProvider>
    </MantineProvider>,
  )
  await screen.findByRole('main')
  await act(async () => {})
  const asked = (route: string) => calls.filter((call) => call.route === route)
  return { router, calls, asked, socket: () => FakeSocket.last as FakeSocket }
}

import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router'
import { render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { meQuery, queries } from '../api/session.ts'
import { me } from '../test/fixtures.ts'
import { show } from '../test/render.tsx'
import { Notices } from '../ui/notices.tsx'
import { PasswordNotice } from './PasswordNotice.tsx'
import { createAppRouter } from './router.tsx'

const problem = (status: number, code: string, headers = {}) =>
  new Response(JSON.stringify({ type: 'about:blank', title: '', status, detail: 'said the API', code }), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  })

/** Opens the dashboard at `path`; `api` answers its calls by method and path. */
async function open(path: string, api: Record<string, () => Response>) {
  queries.clear()
  const fetched = vi.fn(async (request: Request) => {
    const call = `${request.method} ${new URL(request.url).pathname}`
    return api[call]?.() ?? problem(404, 'no_such_route')
  })
  vi.stubGlobal('fetch', fetched)
  const router = createAppRouter(createMemoryHistory({ initialEntries: [path] }))
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={queries}>
        <Notices>
          <RouterProvider router={router} />
        </Notices>
      </QueryClientProvider>
    </MantineProvider>,
  )
  await screen.findByRole('heading', { level: 1 }, { timeout: 5000 })
  return { router, fetched }
}

async function enter(password: string) {
  await userEvent.type(screen.getByLabelText('Password'), password)
  await userEvent.click(screen.getByRole('button', { name: 'Sign in' }))
}

const NOBODY = { 'GET /api/v1/auth/me': () => problem(401, 'unauthenticated') }

test('a stranger is led to the sign-in page, which remembers where they wanted to go', async () => {
  const { router } = await open('/plans?status=failed', NOBODY)
  expect(router.state.location.pathname).toBe('/sign-in')
  expect(router.state.location.search).toEqual({ next: '/plans?status=failed' })
})

test('a wrong password is said in words and taken out of the field', async () => {
  await open('/', { ...NOBODY, 'POST /api/v1/auth/login': () => problem(401, 'bad_credentials') })
  await enter('guess')
  expect(await screen.findByRole('alert')).toHaveTextContent('Name and password do not belong together.')
  expect(screen.getByLabelText('Password')).toHaveValue('')
})

test('a code is asked for only after the password, and goes with it', async () => {
  const answers = [problem(401, 'second_factor_required'), problem(401, 'bad_code')]
  const { fetched } = await open('/', {
    ...NOBODY,
    'POST /api/v1/auth/login': () => answers.shift() ?? problem(500, 'internal'),
  })
  expect(screen.queryByLabelText('Code')).not.toBeInTheDocument()
  await enter('right')
  await userEvent.type(await screen.findByLabelText('Code'), '111111')
  expect(screen.queryByRole('alert')).not.toBeInTheDocument()
  await userEvent.click(screen.getByRole('button', { name: 'Sign in' }))
  expect(await screen.findByRole('alert')).toBeVisible()
  expect(screen.getByLabelText('Code')).toHaveValue('')
  expect(screen.getByLabelText('Password')).toHaveValue('right')
  const sent = fetched.mock.calls.map(([request]) => request).filter((request) => request.method === 'POST')
  const codes = await Promise.all(sent.map(async (request) => (await request.json()).code))
  expect(codes).toEqual(['', '111111'])
})

test('too many attempts say how long to wait', async () => {
  const locked = () => problem(429, 'too_many_attempts', { 'retry-after': '30' })
  await open('/', { ...NOBODY, 'POST /api/v1/auth/login': locked })
  await enter('guess')
  expect(await screen.findByRole('alert')).toHaveTextContent('Signing in is paused for 30 sec.')
})

test('a cluster that does not answer is not taken for a wrong password', async () => {
  const away = () => {
    throw new TypeError('fetch failed')
  }
  await open('/sign-in', { ...NOBODY, 'POST /api/v1/auth/login': away })
  await enter('right')
  expect(await screen.findByRole('alert')).toHaveTextContent('The cluster does not answer.')
})

test('after signing in, changing calls carry the token of the session', async () => {
  const { fetched } = await open('/sign-in', {
    ...NOBODY,
    'POST /api/v1/auth/login': () => Response.json({ ...me(), csrf: 'fresh' }),
    'POST /api/v1/auth/logout': () => new Response(null, { status: 204 }),
  })
  vi.stubGlobal(
    'WebSocket',
    class {
      close() {}
    },
  )
  await enter('right')
  await vi.waitFor(() => expect(queries.getQueryData(meQuery.queryKey)?.csrf).toBe('fresh'))
  const { signOut } = await import('../api/session.ts')
  localStorage.setItem('cluster-ai.chat.1', '{}')
  localStorage.setItem('cluster-ai.language', 'en')
  await signOut()
  expect(localStorage.getItem('cluster-ai.chat.1'), 'what was said').toBeNull()
  expect(localStorage.getItem('cluster-ai.language')).toBe('en')
  const last = fetched.mock.calls.at(-1)?.[0]
  expect(last?.headers.get('X-CSRF-Token')).toBe('fresh')
  expect(queries.getQueryData(meQuery.queryKey)).toBeNull()
})

test('an unknown address says so and leads back', async () => {
  await open('/no/such/page', NOBODY)
  expect(screen.getByRole('heading', { level: 1 })).toHaveTextContent('This page does not exist')
  expect(screen.getByRole('link', { name: 'To the overview' })).toHaveAttribute('href', '/')
})

test('whoever still uses the generated password is asked for their own', async () => {
  show(<PasswordNotice />, {}, me({ password_chosen: false }))
  await userEvent.click(screen.getByRole('button', { name: 'Change password' }))
  expect(await screen.findByRole('dialog', { name: 'Change password' })).toBeVisible()
})

test('whoever chose a password is left alone', () => {
  show(<PasswordNotice />, {}, me())
  expect(screen.queryByRole('complementary')).not.toBeInTheDocument()
})

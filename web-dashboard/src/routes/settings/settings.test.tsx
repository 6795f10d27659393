import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import i18next from 'i18next'
import { openApp, problem } from '../../test/app.tsx'
import { me } from '../../test/fixtures.ts'

const SESSIONS = 'GET /api/v1/auth/sessions'
const SYSTEM = 'GET /api/v1/system'
const PASSWORD = 'POST /api/v1/auth/password'

const session = (id: string, current: boolean) => ({
  id,
  created_at: 1,
  seen_at: 2,
  address: '10.0.0.2',
  agent: 'a browser',
  current,
})
const answers = {
  [SESSIONS]: () => ({ items: [session('a', true), session('b', false)] }),
  [SYSTEM]: () => ({
    name: 'attic',
    version: '1.2.3',
    uptime_seconds: 60,
    endpoints: { api: 'http://head:8000', gateway: 'http://head:8001', dask_dashboard: '' },
    host: { hostname: 'box' },
    parts: [],
    problems: [],
  }),
  'DELETE /api/v1/auth/sessions/{session}': () => new Response(null, { status: 204 }),
  [PASSWORD]: () => new Response(null, { status: 204 }),
}
const region = async (name: string) => within(await screen.findByRole('region', { name }))

afterEach(() => i18next.changeLanguage('en'))

test('who one is, and which cluster in what version, for everybody', async () => {
  await openApp('/settings', answers, me({ role: 'viewer' }))
  expect((await region('Your account')).getByText('Viewer, may only look')).toBeVisible()
  const about = await region('This cluster')
  expect(await about.findByText('attic')).toBeVisible()
  expect(about.getByText('1.2.3')).toBeVisible()
  expect(about.getByText('http://head:8001')).toBeVisible()
})

test('the password is changed with the one that counts now', async () => {
  const { asked } = await openApp('/settings', answers)
  await userEvent.click((await region('Your account')).getByRole('button', { name: 'Change password' }))
  const dialog = within(await screen.findByRole('dialog'))
  await userEvent.type(dialog.getByLabelText('Current password'), 'old words')
  await userEvent.type(dialog.getByLabelText('New password'), 'fresh words')
  await userEvent.type(dialog.getByLabelText('New password, once more'), 'fresh words')
  await userEvent.click(dialog.getByRole('button', { name: 'Set password' }))
  await waitFor(() => expect(asked(PASSWORD)).toHaveLength(1))
  expect(asked(PASSWORD)[0]?.body).toMatchObject({ current: 'old words' })
})

test('another session is ended', async () => {
  const { asked } = await openApp('/settings', answers)
  const own = await region('Where you are signed in')
  await userEvent.click(await own.findByRole('button', { name: 'End' }))
  await waitFor(() => expect(asked('DELETE /api/v1/auth/sessions/{session}')).toHaveLength(1))
  expect(asked('DELETE /api/v1/auth/sessions/{session}')[0]?.url.pathname).toMatch(/\/b$/)
})

test('language and colours are chosen here, too', async () => {
  await openApp('/settings', answers)
  await userEvent.click(await screen.findByRole('radio', { name: 'Dark' }))
  await waitFor(() => expect(screen.getByRole('radio', { name: 'Dark' })).toBeChecked())
  await userEvent.click(screen.getByRole('radio', { name: 'Português (Brasil)' }))
  expect(await screen.findByRole('heading', { name: 'Configurações' })).toBeVisible()
})

test('an answer that failed can be asked for again', async () => {
  await openApp('/settings', { ...answers, [SYSTEM]: () => problem(503, 'database_unavailable') })
  expect(await (await region('This cluster')).findByRole('button', { name: 'Try again' })).toBeVisible()
})

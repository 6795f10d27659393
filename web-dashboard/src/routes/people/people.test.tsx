import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import type { Person } from '../../api/types.ts'
import { openApp, problem } from '../../test/app.tsx'
import { me } from '../../test/fixtures.ts'

const ADD = 'POST /api/v1/users'
const CHANGE = 'PATCH /api/v1/users/{user}'
const PASSWORD = 'POST /api/v1/users/{user}/password'
const REMOVE = 'DELETE /api/v1/users/{user}'

const person = (change: Partial<Person> = {}): Person => ({
  id: '2',
  name: 'ana',
  role: 'operator',
  password_chosen: false,
  disabled: false,
  created_at: Date.now() / 1000 - 3600,
  seen_at: null,
  second_factor: false,
  ...change,
})
const admin = person({ id: '1', name: 'admin', role: 'admin', password_chosen: true, seen_at: 1 })

const session = (change: object = {}) => ({
  id: '0a1b2c3d4e5f6071',
  created_at: 1,
  seen_at: 2,
  address: '10.0.0.2',
  agent: 'a browser',
  current: false,
  ...change,
})

const answers = (...people: Person[]) => ({
  'GET /api/v1/users': () => ({ items: people }),
  'GET /api/v1/auth/sessions': () => ({ items: [session({ current: true })] }),
  'GET /api/v1/users/{user}/sessions': () => ({ items: [session({ agent: 'old browser' })] }),
  'DELETE /api/v1/users/{user}/sessions/{session}': () => new Response(null, { status: 204 }),
  [ADD]: () => ({ user: person(), password: 'made-up-words' }),
  [CHANGE]: () => person(),
  [PASSWORD]: () => ({ password: 'other-words' }),
  [REMOVE]: () => new Response(null, { status: 204 }),
})
const row = async (name: string) => within(await screen.findByRole('listitem', { name }))

test('everybody is there with role, password and when they were seen', async () => {
  await openApp('/people', answers(admin, person(), person({ id: '3', name: 'bo', disabled: true })))
  const ana = await row('ana')
  expect(ana.getByText(/password given by others/)).toBeVisible()
  expect(ana.getByText(/never signed in/)).toBeVisible()
  expect((await row('bo')).getByText('disabled')).toBeVisible()
})

test('nothing can be done to oneself', async () => {
  await openApp('/people', answers(admin))
  const own = await row('admin')
  expect(own.getByText('(you)')).toBeVisible()
  expect(own.queryByRole('button')).not.toBeInTheDocument()
  expect(screen.getByText('Nobody else yet')).toBeVisible()
})

test('somebody is added, and the password that was made up is shown', async () => {
  const { asked } = await openApp('/people', answers(admin))
  await userEvent.click(await screen.findByRole('button', { name: 'Add somebody' }))
  const dialog = within(await screen.findByRole('dialog'))
  expect(dialog.getByRole('button', { name: 'Add somebody' })).toBeDisabled()
  await userEvent.type(dialog.getByLabelText('Name'), 'ana')
  await userEvent.selectOptions(dialog.getByLabelText('What they may do'), 'operator')
  await userEvent.click(dialog.getByRole('button', { name: 'Add somebody' }))
  expect(await screen.findByText('made-up-words')).toBeVisible()
  expect(asked(ADD)[0]?.body).toEqual({ name: 'ana', role: 'operator', password: '' })
})

test('a role is changed, and somebody is kept out', async () => {
  const { asked } = await openApp('/people', answers(admin, person()))
  const ana = await row('ana')
  await userEvent.selectOptions(ana.getByLabelText('What ana may do'), 'viewer')
  await waitFor(() => expect(asked(CHANGE)).toHaveLength(1))
  await userEvent.click(await ana.findByRole('button', { name: 'Disable' }))
  await waitFor(() => expect(asked(CHANGE)).toHaveLength(2))
  expect(asked(CHANGE).map((call) => call.body)).toEqual([{ role: 'viewer' }, { disabled: true }])
})

test('a refusal is said where it was asked for', async () => {
  const refused = () => problem(409, 'last_admin', 'ana is the last enabled administrator')
  await openApp('/people', { ...answers(admin, person({ role: 'admin' })), [CHANGE]: refused })
  const ana = await row('ana')
  await userEvent.click(ana.getByRole('button', { name: 'Disable' }))
  expect(await ana.findByText(/last enabled administrator/)).toBeVisible()
})

test('another password is made up and shown once', async () => {
  const { asked } = await openApp('/people', answers(admin, person()))
  await userEvent.click((await row('ana')).getByRole('button', { name: 'New password' }))
  const dialog = within(await screen.findByRole('dialog'))
  await userEvent.click(dialog.getByRole('button', { name: 'New password' }))
  expect(await screen.findByText('other-words')).toBeVisible()
  expect(asked(PASSWORD)[0]?.body).toEqual({ password: '' })
})

test('who has a second factor is shown, and theirs is taken away', async () => {
  const reset = 'DELETE /api/v1/users/{user}/second-factor'
  const { asked } = await openApp('/people', {
    ...answers(admin, person(), person({ id: '3', name: 'bo', second_factor: true })),
    [reset]: () => new Response(null, { status: 204 }),
  })
  const without = await row('ana')
  expect(without.queryByRole('button', { name: 'Reset second factor' })).not.toBeInTheDocument()
  const bo = await row('bo')
  expect(bo.getByText(/· second factor/)).toBeVisible()
  await userEvent.click(bo.getByRole('button', { name: 'Reset second factor' }))
  const dialog = within(await screen.findByRole('dialog'))
  await userEvent.click(dialog.getByRole('button', { name: 'Reset second factor' }))
  await waitFor(() => expect(asked(reset)).toHaveLength(1))
  expect(asked(reset)[0]?.url.pathname).toBe('/api/v1/users/bo/second-factor')
})

const OWN = '/api/v1/auth/second-factor'
const factorDialog = async (state: object) => {
  const opened = await openApp('/people', {
    ...answers(admin),
    [`GET ${OWN}`]: () => state,
    [`POST ${OWN}`]: () => ({ secret: 'SECRETTEXT', uri: 'otpauth://x', qr: '<svg/>' }),
    [`POST ${OWN}/confirm`]: () => ({ recovery_codes: ['AAAA-BBBB', 'CCCC-DDDD'] }),
    [`POST ${OWN}/off`]: () => new Response(null, { status: 204 }),
  })
  await userEvent.click(await screen.findByRole('button', { name: 'Second factor' }))
  return opened
}

test('a second factor is turned on with the password, a picture and a first code', async () => {
  const { asked } = await factorDialog({ on: false, recovery_codes_left: 0 })
  await userEvent.type(await screen.findByLabelText('Current password'), 'mine')
  await userEvent.click(screen.getByRole('button', { name: 'Go on' }))
  expect(await screen.findByRole('img', { name: 'Picture for the app' })).toHaveAttribute(
    'src',
    'data:image/svg+xml;utf8,%3Csvg%2F%3E',
  )
  expect(screen.getByText('SECRETTEXT')).toBeVisible()
  await userEvent.type(screen.getByLabelText('Code'), '123456')
  await userEvent.click(screen.getByRole('button', { name: 'Turn on' }))
  expect(await screen.findByText(/AAAA-BBBB/)).toBeVisible()
  expect(asked(`POST ${OWN}`)[0]?.body).toEqual({ password: 'mine' })
  expect(asked(`POST ${OWN}/confirm`)[0]?.body).toEqual({ code: '123456' })
})

test('a second factor is turned off with password and code', async () => {
  const { asked } = await factorDialog({ on: true, recovery_codes_left: 9 })
  expect(await screen.findByText(/9 recovery codes are left/)).toBeVisible()
  expect(screen.getByRole('button', { name: 'Turn off' })).toBeDisabled()
  await userEvent.type(screen.getByLabelText('Current password'), 'mine')
  await userEvent.type(screen.getByLabelText('Code'), 'AAAA-BBBB')
  await userEvent.click(screen.getByRole('button', { name: 'Turn off' }))
  await waitFor(() => expect(asked(`POST ${OWN}/off`)).toHaveLength(1))
  expect(asked(`POST ${OWN}/off`)[0]?.body).toEqual({ password: 'mine', code: 'AAAA-BBBB' })
})

test('somebody is deleted only when their name was typed', async () => {
  const { asked } = await openApp('/people', answers(admin, person()))
  await userEvent.click((await row('ana')).getByRole('button', { name: 'Delete' }))
  const dialog = within(await screen.findByRole('dialog'))
  expect(dialog.getByRole('button', { name: 'Delete' })).toBeDisabled()
  await userEvent.type(dialog.getByLabelText('Type ana to confirm'), 'ana')
  await userEvent.click(dialog.getByRole('button', { name: 'Delete' }))
  await waitFor(() => expect(asked(REMOVE)).toHaveLength(1))
})

test('an answer that failed can be asked for again', async () => {
  await openApp('/people', {
    ...answers(admin),
    'GET /api/v1/users': () => problem(503, 'database_unavailable'),
  })
  expect(await screen.findByRole('button', { name: 'Try again' })).toBeVisible()
})

test('only administrators are led here, and others are shown nobody', async () => {
  const { asked } = await openApp('/people', answers(admin), me({ role: 'operator' }))
  expect(await screen.findByText('Only administrators see who may sign in')).toBeVisible()
  expect(screen.queryByRole('link', { name: 'People' })).not.toBeInTheDocument()
  expect(asked('GET /api/v1/users')).toHaveLength(0)
})

test('sessions are shown, and another is ended', async () => {
  const { asked } = await openApp('/people', answers(admin, person()))
  const own = within(await screen.findByRole('region', { name: 'Where you are signed in' }))
  expect(await own.findByText('(this one)')).toBeVisible()
  expect(own.queryByRole('button')).not.toBeInTheDocument()
  await userEvent.click((await row('ana')).getByRole('button', { name: 'Sessions' }))
  const dialog = within(await screen.findByRole('dialog'))
  expect(await dialog.findByText('old browser')).toBeVisible()
  await userEvent.click(dialog.getByRole('button', { name: 'End' }))
  await waitFor(() => expect(asked('DELETE /api/v1/users/{user}/sessions/{session}')).toHaveLength(1))
})

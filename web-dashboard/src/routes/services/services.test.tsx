import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import type { Instance } from '../../api/types.ts'
import { openApp, problem } from '../../test/app.tsx'
import { me } from '../../test/fixtures.ts'
import { asRegistered, mayRemove, NEW_SERVICE, wrongIn } from './registering.ts'
import { fits, wordsOf } from './services.ts'

const LIST = 'GET /api/v1/registry/instances'
const FIND = 'POST /api/v1/registry/discover'
const REGISTER = 'POST /api/v1/registry/instances'
const REMOVE = 'DELETE /api/v1/registry/instances/{instance}'

const instance = (change: Partial<Instance> = {}): Instance => ({
  id: 'i1',
  kind: 'engine',
  name: 'attic',
  owner: 'the head',
  node_id: 'n1',
  url: 'http://10.0.0.7:11434',
  address: '',
  port: 0,
  version: '',
  capabilities: ['chat', 'model:llama3:8b'],
  labels: ['rack=2'],
  metadata: {},
  state: 'healthy',
  lease_seconds: 30,
  registered_at: 1,
  seen_at: Date.now() / 1000 - 3,
  telemetry: { load: 0.25, success: null, p95_seconds: null, vram: null, memory: null },
  ...change,
})

const answers = (...all: Instance[]) => ({
  [LIST]: () => ({ items: all }),
  [FIND]: () => ({
    items: [{ instance: all[0], score: { health: 1, trail: 0.5, telemetry: 0.75, total: 0.775 } }],
  }),
})

const list = async () => within(await screen.findByRole('region', { name: 'Who is there' }))

test('everything that lives there says what it can do and how it does', async () => {
  await openApp('/services', answers(instance(), instance({ id: 'i2', name: 'cellar', state: 'degraded' })))
  const panel = await list()
  const row = within((await panel.findByText('attic')).closest('tr') as HTMLElement)
  expect(row.getByText('healthy')).toBeVisible()
  expect(row.getByText('chat, model:llama3:8b')).toBeVisible()
  expect(row.getByText('25%')).toBeVisible()
  expect(panel.getByText('in doubt')).toBeVisible()
})

test('what is typed narrows the list, and stands in the address', async () => {
  const { router } = await openApp(
    '/services?q=cell',
    answers(instance(), instance({ id: 'i2', name: 'cellar' })),
  )
  const panel = await list()
  expect(await panel.findByText('cellar')).toBeVisible()
  expect(panel.queryByText('attic')).not.toBeInTheDocument()
  await userEvent.type(panel.getByRole('textbox'), 'x')
  expect(await panel.findByText('Nothing fits')).toBeVisible()
  await userEvent.clear(panel.getByRole('textbox'))
  expect(await panel.findByText('attic')).toBeVisible()
  expect(router.state.location.search).toEqual({})
})

test('who does a thing best is found with the reason', async () => {
  const { asked, router } = await openApp('/services', answers(instance()))
  const panel = within(await screen.findByRole('region', { name: 'Who does it best' }))
  expect(asked(FIND)).toEqual([])
  await userEvent.type(panel.getByRole('textbox'), 'chat, model:llama3:8b{Enter}')
  expect(await panel.findByText('score 0.78')).toBeVisible()
  expect(panel.getByText(/Health 1, what became of calls 0.5/)).toBeVisible()
  expect(asked(FIND).at(-1)?.body).toMatchObject({ capabilities: ['chat', 'model:llama3:8b'], top: 5 })
  expect(router.state.location.search).toEqual({ able: 'chat model:llama3:8b' })
})

test('nobody who can, nothing there, and no answer are said', async () => {
  await openApp('/services?able=dance', { [LIST]: () => ({ items: [] }), [FIND]: () => ({ items: [] }) })
  expect(await screen.findByText('Nobody healthy can do dance')).toBeVisible()
  expect(await screen.findByText('Nothing has registered')).toBeVisible()
})

test('what the API refuses is shown in its place', async () => {
  await openApp('/services', { [LIST]: () => problem(503, 'unavailable', 'the registry is away') })
  const panel = await list()
  await waitFor(() => expect(panel.getByRole('alert')).toBeVisible())
})

test('words and fitting', () => {
  expect(wordsOf(' chat,  chat model:x ')).toEqual(['chat', 'model:x'])
  expect(wordsOf(' , ')).toEqual([])
  expect(fits(instance(), 'RACK=2')).toBe(true)
  expect(fits(instance(), '')).toBe(true)
  expect(fits(instance({ url: '', address: '10.0.0.9' }), '0.9')).toBe(true)
  expect(fits(instance({ capabilities: [] }), 'chat')).toBe(false)
})

test('the field says what the address asks, on the way back, too', async () => {
  const { router } = await openApp('/services?able=chat', answers(instance()))
  const field = await screen.findByRole('textbox', { name: /able/i })
  expect(field).toHaveValue('chat')
  await userEvent.clear(field)
  await userEvent.type(field, 'vision  tools{Enter}')
  await waitFor(() => expect(field).toHaveValue('vision tools'))
  expect(field).toHaveFocus()
  await act(async () => router.history.back())
  await waitFor(() => expect(field).toHaveValue('chat'))
})

test('a service is registered once what was typed is right', async () => {
  const { asked } = await openApp('/services', {
    ...answers(instance()),
    [REGISTER]: () => Response.json(instance({ name: 'painter' }), { status: 201 }),
  })
  await userEvent.click((await list()).getByRole('button', { name: 'Register a service' }))
  const dialog = within(await screen.findByRole('dialog'))
  const submit = dialog.getByRole('button', { name: 'Register' })
  expect(submit).toBeDisabled()
  await userEvent.type(dialog.getByLabelText(/^Name/), 'painter')
  await userEvent.type(dialog.getByLabelText('Address'), '10.0.0.9')
  expect(dialog.getByText('An address with its scheme, without spaces')).toBeVisible()
  expect(submit).toBeDisabled()
  await userEvent.clear(dialog.getByLabelText('Address'))
  await userEvent.type(dialog.getByLabelText('Address'), 'http://10.0.0.9:8080')
  await userEvent.type(dialog.getByLabelText('Can do'), 'paint, draw')
  await userEvent.click(submit)
  await waitFor(() => expect(asked(REGISTER)).toHaveLength(1))
  expect(asked(REGISTER)[0]?.body).toMatchObject({
    name: 'painter',
    kind: 'service',
    url: 'http://10.0.0.9:8080',
    capabilities: ['paint', 'draw'],
    lease_seconds: 3600,
  })
  expect(await screen.findByText('painter is registered for 60 minutes.')).toBeVisible()
})

test('what the registry refuses is said in the dialog', async () => {
  await openApp('/services', {
    ...answers(instance()),
    [REGISTER]: () => problem(409, 'instance_id_taken', 'somebody else has it'),
  })
  await userEvent.click((await list()).getByRole('button', { name: 'Register a service' }))
  const dialog = within(await screen.findByRole('dialog'))
  await userEvent.type(dialog.getByLabelText(/^Name/), 'painter{Enter}')
  expect(await dialog.findByRole('alert')).toBeVisible()
})

test('a service is removed only when its name was typed', async () => {
  const { asked } = await openApp('/services', {
    ...answers(instance({ kind: 'service', name: 'painter', owner: '7' })),
    [REMOVE]: () => instance(),
  })
  await userEvent.click(await (await list()).findByRole('button', { name: 'Remove painter' }))
  const dialog = within(await screen.findByRole('dialog'))
  expect(dialog.getByRole('button', { name: 'Remove' })).toBeDisabled()
  await userEvent.type(dialog.getByLabelText('Type painter to confirm'), 'painter')
  await userEvent.click(dialog.getByRole('button', { name: 'Remove' }))
  await waitFor(() => expect(asked(REMOVE)[0]?.url.pathname).toBe('/api/v1/registry/instances/i1'))
})

test('viewers are offered neither', async () => {
  await openApp('/services', answers(instance({ owner: '1' })), me({ role: 'viewer' }))
  const panel = await list()
  expect(await panel.findByText('attic')).toBeVisible()
  expect(panel.queryByRole('button', { name: 'Register a service' })).not.toBeInTheDocument()
  expect(panel.queryByRole('button', { name: 'Remove attic' })).not.toBeInTheDocument()
})

test('the cluster’s own are nobody’s to remove; others are their owner’s, and administrators’', () => {
  const [admin, operator] = [me().user, me({ role: 'operator' }).user]
  expect(mayRemove(instance({ owner: 'fleet' }), admin)).toBe(false)
  expect(mayRemove(instance({ owner: 'head' }), admin)).toBe(false)
  expect(mayRemove(instance({ owner: '7' }), admin)).toBe(true)
  expect(mayRemove(instance({ owner: '7' }), operator)).toBe(false)
  expect(mayRemove(instance({ owner: '1' }), operator)).toBe(true)
})

test('what is wrong is said by field, and what is sent is trimmed', () => {
  expect(wrongIn(NEW_SERVICE)).toEqual({})
  const wrong = {
    name: 'a b',
    kind: 'Big',
    id: '-',
    url: 'x',
    capabilities: 'ok é',
    labels: '=',
    minutes: 61,
  }
  expect(Object.keys(wrongIn(wrong)).sort()).toEqual(Object.keys(wrong).sort())
  expect(asRegistered({ ...NEW_SERVICE, name: ' a ' })).not.toHaveProperty('id')
  expect(asRegistered({ ...NEW_SERVICE, name: ' a ', id: ' i ' })).toMatchObject({ id: 'i', name: 'a' })
})

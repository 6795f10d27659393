import { screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { queries } from '../../api/session.ts'
import type { Invitation, Machine } from '../../api/types.ts'
import { machine, me, power } from '../../test/fixtures.ts'
import { show } from '../../test/render.tsx'
import { machineLook, stepsOf } from './machines.ts'
import { MachinesPage } from './page.tsx'

/** An API that answers from memory, and notes what it was asked. */
function answering(machines: readonly Machine[], invitations: readonly Invitation[] = []) {
  const asked: { method: string; path: string; body: string }[] = []
  vi.stubGlobal('fetch', async (request: Request) => {
    if (request.url.endsWith('/discoveries')) return Response.json({ items: [], networks: [], left_out: [] })
    const path = new URL(request.url).pathname
    asked.push({ method: request.method, path, body: await request.clone().text() })
    const items = path.endsWith('machines') ? machines : invitations
    const body = request.method === 'POST' ? MADE : path.endsWith('power') ? power() : { items }
    return new Response(JSON.stringify(body), { headers: { 'Content-Type': 'application/json' } })
  })
  return asked
}

const OPEN: Invitation = {
  id: '0123456789abcdef',
  state: 'open',
  made_at: 1,
  made_by: 'admin',
  expires_at: 2,
  labels: [],
  used_at: null,
  used_by: '',
}
const MADE = { invitation: OPEN, line: 'https://x/join#y', command: "worker --join 'line'", qr: '<svg/>' }

afterEach(() => {
  queries.clear()
  vi.unstubAllGlobals()
})

test('empty: says what to do, and a viewer is offered nothing', async () => {
  answering([])
  show(<MachinesPage />, {}, me({ role: 'viewer' }))
  expect(await screen.findByText('No other machine has joined yet')).toBeVisible()
  expect(screen.queryByRole('button', { name: 'Make a join line' })).not.toBeInTheDocument()
})

test('a machine is told by its state, its figures and whether its door opens', async () => {
  answering([machine({ reachable: false, unreachable_because: '10.0.0.2: connection refused' })])
  show(<MachinesPage />)
  await screen.findByText('tower')
  const row = within(screen.getByRole('region', { name: /^Machines that/ }))
  expect(row.getByText('tower')).toBeVisible()
  expect(row.getByText('not reached')).toBeVisible()
  expect(row.getByTitle('10.0.0.2: connection refused')).toBeVisible()
})

test('a line is made, shown with its picture and the steps that follow', async () => {
  const asked = answering([], [OPEN])
  show(<MachinesPage />)
  await userEvent.click(screen.getByRole('button', { name: 'Make a join line' }))
  expect(await screen.findByText("worker --join 'line'")).toBeVisible()
  expect(screen.getByRole('img', { name: 'The join line as a QR code' })).toHaveAttribute(
    'src',
    'data:image/svg+xml;utf8,%3Csvg%2F%3E',
  )
  expect(
    within(screen.getByRole('list', { name: 'How far it has come' })).getAllByText('(waiting)'),
  ).toHaveLength(4)
  await userEvent.click(await screen.findByRole('button', { name: 'Take back' }))
  expect(asked.some((one) => one.method === 'DELETE' && one.path.endsWith(OPEN.id))).toBe(true)
})

test('cordoning asks the API', async () => {
  const asked = answering([machine()])
  show(<MachinesPage />)
  await userEvent.click(await screen.findByRole('button', { name: 'What to do with tower' }))
  await userEvent.click(await screen.findByRole('menuitem', { name: 'Give it no new work' }))
  const change = asked.find((one) => one.method === 'PATCH')
  expect(change).toMatchObject({ path: '/api/v1/machines/tower', body: '{"cordoned":true}' })
})

test('what is seen at one glance: away counts more than what is wanted', () => {
  expect(machineLook(machine({ state: 'away', draining: true })).word).toBe('machine.away')
  expect(machineLook(machine({ draining: true })).word).toBe('machine.draining')
  expect(machineLook(machine({ draining: true, drained: true })).word).toBe('machine.drained')
  expect(machineLook(machine({ cordoned: true })).word).toBe('machine.cordoned')
})

test('steps: each is done when it has happened, and a closed door is a failure with its reason', () => {
  const words = (used: string, machines: Machine[]) => stepsOf(used, machines).map((step) => step.state)
  expect(words('', [])).toEqual(['done', 'waiting', 'waiting', 'waiting', 'waiting'])
  expect(words('tower', [machine({ state: 'never', reachable: null, services: [] })])).toEqual([
    'done',
    'done',
    'waiting',
    'waiting',
    'waiting',
  ])
  expect(words('tower', [machine({ reachable: true })])).toEqual(['done', 'done', 'done', 'done', 'done'])
  const closed = stepsOf('tower', [machine({ reachable: false, unreachable_because: 'refused' })])[3]
  expect(closed).toMatchObject({ state: 'failed', note: 'refused' })
})

import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { openApp } from '../../test/app.tsx'
import { me, overview } from '../../test/fixtures.ts'
import { isPutAway, putAway } from './away.ts'
import { type Facts, stepsOf } from './setup.ts'

const facts = (change: Partial<Facts> = {}): Facts => ({
  ownPassword: false,
  machines: 0,
  keys: 0,
  objectives: 0,
  plans: 0,
  backups: 0,
  ...change,
})

const answers = (change: Record<string, unknown[]> = {}) =>
  Object.fromEntries(
    ['users', 'machines', 'keys', 'slos', 'plans', 'backups'].map((name) => [
      `GET /api/v1/${name}`,
      () => ({ items: change[name] ?? [], next: null }),
    ]),
  )

const done = (facts: Facts, seen = overview()) =>
  stepsOf(facts, seen)
    .filter((step) => step.isDone)
    .map((step) => step.name)

beforeEach(() => putAway(false))

test('a cluster that has just begun has every step before it', () => {
  const fresh = { ...overview(), models: [], rates: { ...overview().rates, requests_total: 0 } }
  expect(done(facts(), fresh)).toEqual([])
  expect(stepsOf(facts(), fresh)).toHaveLength(8)
})

test('what the cluster has is what was done', () => {
  const [model] = overview().models
  const seen = {
    ...overview(),
    models: [{ ...model, name: 'llama3:8b' }] as ReturnType<typeof overview>['models'],
    rates: { ...overview().rates, requests_total: 1 },
  }
  const all = facts({ ownPassword: true, machines: 1, keys: 2, objectives: 1, plans: 3, backups: 1 })
  expect(done(all, seen)).toHaveLength(8)
  expect(done(facts({ keys: 1 }), { ...seen, models: [] })).toEqual(['chat', 'client'])
})

test('each step says whether it is done and leads to its place', async () => {
  const machine = { name: 'attic' }
  const { socket } = await openApp('/setup', answers({ machines: [machine], backups: [{ verified: false }] }))
  act(() => socket().say('overview', overview()))
  const list = await screen.findByRole('region', { name: 'Steps' })
  await within(list).findByRole('heading', { name: 'A second machine' })
  const step = (name: string) =>
    within(within(list).getByRole('heading', { name }).closest('li') as HTMLElement)
  expect(step('A second machine').getByText('done')).toBeVisible()
  expect(step('A backup that is proven').getByText('open')).toBeVisible()
  expect(step('A model that knows more').getByRole('link')).toHaveAttribute('href', '/models')
  expect(step('A program that uses it').getByRole('link')).toHaveAttribute('href', '/gateway')
  await userEvent.click(step('A password of your own').getByRole('button'))
  expect(await screen.findByRole('dialog')).toBeVisible()
})

test('the overview invites administrators until they have had enough', async () => {
  const { router, socket } = await openApp('/', answers())
  act(() => socket().say('overview', overview()))
  const invitation = await screen.findByRole('complementary', { name: 'First steps' })
  await userEvent.click(within(invitation).getByRole('button', { name: 'Do not show this again' }))
  expect(screen.queryByRole('complementary', { name: 'First steps' })).not.toBeInTheDocument()
  expect(isPutAway()).toBe(true)
  await act(() => router.navigate({ to: '/setup' }))
  expect(await screen.findByRole('region', { name: 'Steps' })).toBeVisible()
})

test('who may not set it up is told so, and asks for nothing', async () => {
  const { calls } = await openApp('/setup', answers(), me({ role: 'viewer' }))
  expect(await screen.findByText('Administrators set the cluster up')).toBeVisible()
  await waitFor(() => expect(calls.filter((call) => call.route.endsWith('/backups'))).toEqual([]))
})

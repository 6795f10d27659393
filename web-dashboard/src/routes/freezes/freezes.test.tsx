import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import type { Freeze, Override } from '../../api/types.ts'
import { refusedBy } from '../../app/freezes.ts'
import { openApp } from '../../test/app.tsx'
import { me } from '../../test/fixtures.ts'
import { freeze, policy } from '../../test/work.ts'
import { freezeLook, openOverrides } from './queries.ts'

const OVERRIDE = 'POST /api/v1/policies/freezes/{event_id}/override'
const LIFT = 'POST /api/v1/policies/freezes/{event_id}/resolve'
const APPROVE = 'POST /api/v1/policies/freezes/{event_id}/override/{override_id}/approve'

const override = (change: Partial<Override> = {}): Override => ({
  override_id: 'o1',
  event_id: freeze().event_id,
  requested_by: 'bo',
  requested_at: 1,
  reason: 'the fixed model',
  expires_at: Date.now() / 1000 + 900,
  approved_at: null,
  approved_by: '',
  in_force: false,
  ...change,
})

const answers = (...freezes: Freeze[]) => ({
  'GET /api/v1/policies/freezes/active': () => ({ items: freezes }),
  'GET /api/v1/policies': () => ({ items: [policy()], next: null }),
  [OVERRIDE]: () => freezes[0],
  [LIFT]: () => freezes[0],
  [APPROVE]: () => freezes[0],
})
const now = async () => within(await screen.findByRole('region', { name: 'Frozen now' }))

test('what is frozen says why, what it refuses and for how long', async () => {
  await openApp('/freezes', answers(freeze()))
  const panel = await now()
  expect(await panel.findByText('chat has 8.2% of its error budget left')).toBeVisible()
  expect(panel.getByText('frozen')).toBeVisible()
  expect(panel.getByText(/Refuses changes of models:/)).toBeVisible()
  expect(panel.getByRole('link', { name: 'chat' })).toHaveAttribute('href', '/objectives/chat')
})

test('every page says that something is refused, and leads to the reason', async () => {
  const { router } = await openApp('/machines', answers(freeze()))
  const notice = within(await screen.findByRole('complementary', { name: 'Freeze' }))
  expect(notice.getByText(/changes of models/)).toBeVisible()
  await userEvent.click(notice.getByRole('button', { name: 'See why' }))
  await waitFor(() => expect(router.state.location.pathname).toBe('/freezes'))
})

test('a freeze that only tells is no notice', async () => {
  await openApp('/freezes', answers(freeze({ actions: ['ALERT_ONLY'] })))
  await (await now()).findByText('careful')
  expect(screen.queryByRole('complementary', { name: 'Freeze' })).not.toBeInTheDocument()
  expect(refusedBy([freeze(), freeze({ actions: ['BLOCK_PULL', 'BLOCK_SCALE'] })])).toEqual([
    'BLOCK_PULL',
    'BLOCK_SCALE',
  ])
})

test('nothing frozen is said in words', async () => {
  await openApp('/freezes', answers())
  expect(await screen.findByText('Nothing is frozen')).toBeVisible()
  expect(
    within(screen.getByRole('table', { name: 'When something freezes' })).getByText('careful'),
  ).toBeVisible()
})

test('an override has a reason and an end', async () => {
  const { asked } = await openApp('/freezes', answers(freeze()))
  await userEvent.click(await (await now()).findByRole('button', { name: 'Override' }))
  const dialog = within(await screen.findByRole('dialog'))
  expect(dialog.getByRole('button', { name: 'Override' })).toBeDisabled()
  await userEvent.type(dialog.getByLabelText('Reason'), 'the fixed model')
  await userEvent.clear(dialog.getByLabelText('Minutes'))
  await userEvent.type(dialog.getByLabelText('Minutes'), '30')
  await userEvent.click(dialog.getByRole('button', { name: 'Override' }))
  await waitFor(() => expect(asked(OVERRIDE)).toHaveLength(1))
  expect(asked(OVERRIDE)[0]?.body).toEqual({ reason: 'the fixed model', minutes: 30 })
})

test('a freeze is lifted only when its objective was typed', async () => {
  const { asked } = await openApp('/freezes', answers(freeze()))
  await userEvent.click(await (await now()).findByRole('button', { name: 'Lift' }))
  const dialog = within(await screen.findByRole('dialog'))
  await userEvent.type(dialog.getByLabelText('Reason'), 'it is over')
  expect(dialog.getByRole('button', { name: 'Lift' })).toBeDisabled()
  await userEvent.type(dialog.getByLabelText('Type chat to confirm'), 'chat')
  await userEvent.click(dialog.getByRole('button', { name: 'Lift' }))
  await waitFor(() => expect(asked(LIFT)).toHaveLength(1))
})

test('a freeze of the whole cluster is not lifted by hand, and needs a second administrator', async () => {
  const whole = freeze({ scope: 'GLOBAL', overrides: [override()] })
  const { asked } = await openApp('/freezes', answers(whole))
  const panel = await now()
  expect(await panel.findByText(/Waits for a second administrator/)).toBeVisible()
  expect(panel.queryByRole('button', { name: 'Lift' })).not.toBeInTheDocument()
  await userEvent.click(panel.getByRole('button', { name: 'Agree' }))
  await waitFor(() => expect(asked(APPROVE)).toHaveLength(1))
})

test('nobody agrees to what they asked for themselves', async () => {
  const whole = freeze({ scope: 'GLOBAL', overrides: [override({ requested_by: 'admin' })] })
  await openApp('/freezes', answers(whole))
  expect(await (await now()).findByText(/Waits for a second administrator/)).toBeVisible()
  expect(screen.queryByRole('button', { name: 'Agree' })).not.toBeInTheDocument()
})

test('operators see freezes and can do nothing about them', async () => {
  await openApp('/freezes', answers(freeze()), me({ role: 'operator' }))
  expect(await (await now()).findByText('careful')).toBeVisible()
  expect(screen.queryByRole('button', { name: 'Override' })).not.toBeInTheDocument()
})

test('a freeze is frozen, overridden or over', () => {
  const words = [freeze(), freeze({ overrides: [override({ in_force: true })] }), freeze({ active: false })]
  expect(words.map((one) => freezeLook(one).word)).toEqual(['freeze.holds', 'freeze.let', 'freeze.over'])
  const late = freeze({ scope: 'GLOBAL', overrides: [override({ expires_at: 10 })] })
  expect(openOverrides(late, 20)).toEqual([])
})

test('what holds now can be acted upon in one place', async () => {
  await openApp('/freezes', {
    ...answers(freeze()),
    'GET /api/v1/policies/freezes/history': () => ({ items: [freeze()], next: null }),
  })
  await (await now()).findByText('careful')
  const all = within(screen.getByRole('region', { name: 'All freezes' }))
  expect(await all.findByText('careful')).toBeVisible()
  expect(screen.getAllByRole('button', { name: 'Override' })).toHaveLength(1)
})

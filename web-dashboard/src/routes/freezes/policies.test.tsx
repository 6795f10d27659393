import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import type { FreezePolicy } from '../../api/types.ts'
import { openApp, problem } from '../../test/app.tsx'
import { me } from '../../test/fixtures.ts'
import { policy } from '../../test/work.ts'
import { FRESH_RULE, linesOf, settledRule, wrongIn } from './policies.ts'

const CREATE = 'POST /api/v1/policies'
const CHANGE = 'PUT /api/v1/policies/{policy_id}'
const REMOVE = 'DELETE /api/v1/policies/{policy_id}'

const answers = (...policies: FreezePolicy[]) => ({
  'GET /api/v1/policies': () => ({ items: policies, next: null }),
  [CREATE]: () => Response.json(policy(), { status: 201 }),
  [CHANGE]: () => policy(),
  [REMOVE]: () => new Response(null, { status: 204 }),
})
const panel = async () => within(await screen.findByRole('region', { name: 'When something freezes' }))

test('a policy of the whole cluster is made with what it blocks and when', async () => {
  const { asked } = await openApp('/freezes', answers())
  await userEvent.click((await panel()).getByRole('button', { name: 'New policy' }))
  const dialog = within(await screen.findByRole('dialog'))
  expect(dialog.getByRole('button', { name: 'Create' })).toBeDisabled()
  await userEvent.type(dialog.getByLabelText(/^Name/), 'all still')
  await userEvent.selectOptions(dialog.getByLabelText('What it is about'), 'GLOBAL')
  expect(dialog.queryByLabelText(/^Service/)).not.toBeInTheDocument()
  await userEvent.click(dialog.getByLabelText('deployments'))
  await userEvent.clear(dialog.getByLabelText('Freezes below'))
  await userEvent.type(dialog.getByLabelText('Freezes below'), '20')
  expect(dialog.getByText(/begin and end all the time/)).toBeVisible()
  await userEvent.clear(dialog.getByLabelText('Releases from'))
  await userEvent.type(dialog.getByLabelText('Releases from'), '30')
  await userEvent.type(dialog.getByLabelText('Let through all the same'), 'model:llama*')
  await userEvent.click(dialog.getByRole('button', { name: 'Create' }))
  await waitFor(() => expect(asked(CREATE)).toHaveLength(1))
  expect(asked(CREATE)[0]?.body).toEqual({
    ...FRESH_RULE,
    name: 'all still',
    scope: 'GLOBAL',
    target: '',
    actions: ['BLOCK_PULL', 'BLOCK_DEPLOY'],
    trigger_below: 0.2,
    release_above: 0.3,
    exemptions: ['model:llama*'],
  })
  expect(await screen.findByText('all still holds from now on.')).toBeVisible()
})

test('one is changed from how it stands, and says where it was refused', async () => {
  const errors = [{ path: 'body.release_above', message: 'the freeze would flap' }]
  const { asked } = await openApp('/freezes', {
    ...answers(policy()),
    [CHANGE]: () => problem(422, 'invalid_input', 'not right', { errors }),
  })
  await userEvent.click(await (await panel()).findByRole('button', { name: 'Change careful' }))
  const dialog = within(await screen.findByRole('dialog'))
  expect(dialog.getByLabelText(/^Service/)).toHaveValue('gateway')
  await userEvent.click(dialog.getByLabelText('Switched on'))
  await userEvent.click(dialog.getByRole('button', { name: 'Save' }))
  expect(await dialog.findByText('body.release_above')).toBeVisible()
  expect(asked(CHANGE)[0]?.url.pathname).toBe('/api/v1/policies/careful')
  expect(asked(CHANGE)[0]?.body).toMatchObject({ name: 'careful', target: 'gateway', enabled: false })
})

test('one is removed only when its name was typed', async () => {
  const { asked } = await openApp('/freezes', answers(policy()))
  await userEvent.click(await (await panel()).findByRole('button', { name: 'Remove careful' }))
  const dialog = within(await screen.findByRole('dialog'))
  expect(dialog.getByRole('button', { name: 'Remove' })).toBeDisabled()
  await userEvent.type(dialog.getByLabelText('Type careful to confirm'), 'careful')
  await userEvent.click(dialog.getByRole('button', { name: 'Remove' }))
  await waitFor(() => expect(asked(REMOVE)).toHaveLength(1))
})

test('what stands in a file says so, and operators are offered nothing', async () => {
  await openApp('/freezes', answers({ ...policy(), origin: 'careful.yaml' }))
  expect(await (await panel()).findByText('Kept in careful.yaml')).toBeVisible()
  expect((await panel()).queryByRole('button', { name: 'Change careful' })).not.toBeInTheDocument()
})

test('operators look at policies', async () => {
  await openApp('/freezes', answers(policy()), me({ role: 'operator' }))
  expect(await (await panel()).findByText('careful')).toBeVisible()
  expect((await panel()).queryByRole('button', { name: 'New policy' })).not.toBeInTheDocument()
  expect((await panel()).queryByRole('button', { name: 'Change careful' })).not.toBeInTheDocument()
})

test('what is wrong is known before it is sent', () => {
  expect(wrongIn(FRESH_RULE)).toEqual({})
  const wrong = wrongIn({ ...FRESH_RULE, target: ' ', actions: [], release_above: -1, exemptions: ['llama'] })
  expect(Object.keys(wrong)).toEqual(['target', 'actions', 'release_above', 'exemptions'])
  expect(settledRule({ ...FRESH_RULE, name: ' a ', scope: 'GLOBAL' })).toMatchObject({
    name: 'a',
    target: '',
  })
  expect(linesOf(' a:b \n\n c:d')).toEqual(['a:b', 'c:d'])
})

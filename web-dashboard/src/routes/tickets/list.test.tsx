import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { openApp, problem } from '../../test/app.tsx'
import { PLAN_ID, plan, ticket, ticketId } from '../../test/work.ts'

const LIST = 'GET /api/v1/tickets'
const page = (...items: ReturnType<typeof ticket>[]) => ({
  items,
  next: '',
  plan_names: { [PLAN_ID]: 'nightly' },
})
const table = async () => within(await screen.findByRole('table', { name: 'Tickets' }))

test('tickets of all plans lead to each and to its plan', async () => {
  const { asked } = await openApp('/tickets', { [LIST]: () => page(ticket()) })
  const rows = await table()
  expect(rows.getByRole('link', { name: 'try' })).toHaveAttribute('href', `/tickets/${ticketId(2)}`)
  expect(rows.getByRole('link', { name: 'nightly' })).toHaveAttribute('href', `/plans/${PLAN_ID}`)
  expect(asked(LIST)[0]?.url.searchParams.has('plan_id')).toBe(false)
})

test('filters stand in the address and are asked of the API together', async () => {
  const { asked, router } = await openApp(`/tickets?state=failed&plan=${PLAN_ID}`, { [LIST]: () => page() })
  expect(await screen.findByText('No ticket is like that')).toBeVisible()
  await userEvent.selectOptions(screen.getByLabelText('Kind'), 'TEST')
  await waitFor(() => expect(router.state.location.search).toMatchObject({ state: 'failed', kind: 'TEST' }))
  await userEvent.selectOptions(screen.getByLabelText('Priority'), 'high')
  await waitFor(() =>
    expect(Object.fromEntries(asked(LIST).at(-1)?.url.searchParams ?? [])).toMatchObject({
      plan_id: PLAN_ID,
      status: 'failed',
      type: 'TEST',
      priority: 'HIGH',
    }),
  )
  await userEvent.click(screen.getByRole('button', { name: 'Tickets of all plans' }))
  await waitFor(() => expect(asked(LIST).at(-1)?.url.searchParams.has('plan_id')).toBe(false))
})

test('how many are in which state is said by the server, and leads to them', async () => {
  const COUNTS = 'GET /api/v1/tickets/counts'
  const { asked, router } = await openApp('/tickets?kind=TEST&state=failed', {
    [LIST]: () => page(ticket()),
    [COUNTS]: () => ({ items: { running: 12_345, failed: 2 }, total: 12_347 }),
  })
  const counts = within(await screen.findByRole('list', { name: 'Tickets by state' }))
  expect(counts.getAllByRole('button')).toHaveLength(2)
  expect(counts.getByRole('button', { pressed: true })).toHaveTextContent('failed2')
  expect(Object.fromEntries(asked(COUNTS)[0]?.url.searchParams ?? [])).toEqual({ type: 'TEST' })
  await userEvent.click(counts.getByRole('button', { name: /running/ }))
  await waitFor(() => expect(router.state.location.search).toEqual({ kind: 'TEST', state: 'running' }))
  expect(counts.getByText('12,345')).toBeVisible()
  await userEvent.click(counts.getByRole('button', { pressed: true }))
  await waitFor(() => expect(router.state.location.search).toEqual({ kind: 'TEST' }))
})

test('a text is looked for by the server once it is typed', async () => {
  const { asked, router } = await openApp('/tickets', { [LIST]: () => page(ticket()) })
  await userEvent.type(await screen.findByLabelText('Find'), 'night')
  await waitFor(() => expect(asked(LIST).at(-1)?.url.searchParams.get('text')).toBe('night'))
  expect(asked(LIST).map((call) => call.url.searchParams.get('text'))).toEqual([null, 'night'])
  expect(router.state.location.search).toEqual({ text: 'night' })
})

test('a row says why a ready ticket waits', async () => {
  await openApp('/tickets', {
    [LIST]: () =>
      page(
        ticket({ status: 'ready', task_type: 'TEST' }),
        ticket({ ticket_id: ticketId(3), status: 'ready', task_type: 'MAP', plan_id: 'held' }),
      ),
    'GET /api/v1/plans/{plan_id}': ({ url }) => plan({ paused: url.pathname.endsWith('/held') }),
    'GET /api/v1/tickets/paused-kinds': () => ({ items: { TEST: 'ana' } }),
  })
  const rows = await table()
  expect(await rows.findByText('Work of the kind TEST is paused by ana.')).toBeVisible()
  expect(await rows.findByText('Its plan is paused.')).toBeVisible()
})

test('more tickets are fetched from where the last page ended', async () => {
  const { asked } = await openApp('/tickets', {
    [LIST]: ({ url }) =>
      url.searchParams.get('cursor')
        ? page(ticket({ ticket_id: ticketId(9), task_id: 'older' }))
        : { items: [ticket()], next: 'from-here' },
  })
  const panel = within(await screen.findByRole('region', { name: 'Tickets' }))
  await userEvent.click(panel.getByRole('button', { name: 'More' }))
  expect(await screen.findByText('older')).toBeVisible()
  expect(asked(LIST).at(-1)?.url.searchParams.get('cursor')).toBe('from-here')
})

test('there is a way from the plans and back, and none yet is said', async () => {
  const { router } = await openApp('/plans', {
    'GET /api/v1/plans': () => ({ items: [plan()], next: '' }),
    [LIST]: () => page(),
  })
  await userEvent.click(await screen.findByRole('radio', { name: 'Tickets' }))
  expect(await screen.findByText('No tickets yet')).toBeVisible()
  await userEvent.click(screen.getByRole('radio', { name: 'Plans' }))
  await waitFor(() => expect(router.state.location.pathname).toBe('/plans'))
})

test('an API that does not answer is named', async () => {
  await openApp('/tickets', { [LIST]: () => problem(503, 'unavailable', 'away') })
  expect(await screen.findByRole('alert')).toHaveTextContent('away')
})

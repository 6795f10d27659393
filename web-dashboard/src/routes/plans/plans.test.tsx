import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import i18next from 'i18next'
import { queries } from '../../api/session.ts'
import { openApp, problem } from '../../test/app.tsx'
import { me } from '../../test/fixtures.ts'
import { graph, node, PLAN_ID, plan, ticket, ticketId } from '../../test/work.ts'
import { LANES, patched, TICKET } from './plans.ts'
import { placeIn, readPlan } from './written.ts'

const LIST = 'GET /api/v1/plans'
const page = (...items: ReturnType<typeof plan>[]) => ({ items, next: '' })
const ONE = {
  'GET /api/v1/plans/{plan_id}': () => plan(),
  'GET /api/v1/plans/{plan_id}/graph': () => graph(),
  'GET /api/v1/tickets': () => ({ items: [ticket()], next: '' }),
}
const table = async (name: string) => within(await screen.findByRole('table', { name }))

test('the list says how plans stand and leads to each', async () => {
  await openApp('/plans', { [LIST]: () => page(plan(), plan({ plan_id: `${PLAN_ID}2`, paused: true })) })
  const rows = await table('Plans')
  expect(rows.getByText('running')).toBeVisible()
  expect(rows.getByText('paused')).toBeVisible()
  expect(rows.getAllByText('12 of 20 done')).toHaveLength(2)
  expect(rows.getAllByRole('link', { name: 'nightly' })[0]).toHaveAttribute('href', `/plans/${PLAN_ID}`)
})

test('filters stand in the address and are asked of the API', async () => {
  const { asked, router } = await openApp('/plans?status=failed', { [LIST]: () => page() })
  expect(asked(LIST)[0]?.url.searchParams.get('status')).toBe('failed')
  expect(await screen.findByText('No plan is like that')).toBeVisible()
  await userEvent.selectOptions(screen.getByLabelText('State'), 'running')
  await waitFor(() => expect(router.state.location.search).toEqual({ status: 'running' }))
  expect(asked(LIST).at(-1)?.url.searchParams.get('status')).toBe('running')
})

test('a state that there is not is no filter', async () => {
  const { asked } = await openApp('/plans?status=moon', { [LIST]: () => page() })
  expect(asked(LIST)[0]?.url.searchParams.has('status')).toBe(false)
  expect(await screen.findByText('No plans yet')).toBeVisible()
})

test('more plans are fetched from where the last page ended', async () => {
  const { asked } = await openApp('/plans', {
    [LIST]: ({ url }) =>
      url.searchParams.get('cursor')
        ? page(plan({ plan_id: 'b', name: 'older' }))
        : { items: [plan()], next: 'from-here' },
  })
  const panel = within(await screen.findByRole('region', { name: 'Plans' }))
  await userEvent.click(panel.getByRole('button', { name: 'More' }))
  expect(await screen.findByText('older')).toBeVisible()
  expect(asked(LIST).at(-1)?.url.searchParams.get('cursor')).toBe('from-here')
  expect(panel.queryByRole('button', { name: 'More' })).not.toBeInTheDocument()
})

test('plans stay when the API goes away, and say how old they are', async () => {
  let isAway = false
  await openApp('/plans', {
    [LIST]: () => (isAway ? problem(503, 'unavailable', 'the database is away') : page(plan())),
  })
  expect(await screen.findByText('nightly')).toBeVisible()
  isAway = true
  await act(() => queries.refetchQueries({ queryKey: ['plans'] }))
  expect(await screen.findByText(/The cluster does not answer. This is from/)).toBeVisible()
  expect(screen.getByText('nightly')).toBeVisible()
})

test('an API that never answered is named, and can be asked again', async () => {
  let isAway = true
  await openApp('/plans', { [LIST]: () => (isAway ? problem(503, 'unavailable', 'away') : page(plan())) })
  expect(await screen.findByRole('alert')).toHaveTextContent('away')
  isAway = false
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
  expect(await screen.findByText('nightly')).toBeVisible()
})

test('what happens to plans is asked for when it happens', async () => {
  const { asked, socket } = await openApp('/plans', { [LIST]: () => page(plan()) })
  await screen.findByText('nightly')
  expect(socket().url).toContain('topics=overview%2Cevents%2Cplan%2Cticket')
  const before = asked(LIST).length
  act(() => socket().say('plan', { id: '1', type: 'plan.done', subject: PLAN_ID, data: {}, at: 1 }))
  await waitFor(() => expect(asked(LIST).length).toBeGreaterThan(before), { timeout: 8000 })
})

test('who may only look is offered no plans, and does not ask to hear of them', async () => {
  const { socket } = await openApp(
    '/objectives',
    { 'GET /api/v1/slos': () => ({ items: [] }), 'GET /api/v1/budgets': () => ({ items: [] }) },
    me({ role: 'viewer' }),
  )
  expect(screen.queryByRole('link', { name: 'Plans' })).not.toBeInTheDocument()
  expect(screen.queryByRole('link', { name: 'New objective' })).not.toBeInTheDocument()
  expect(socket().url).toMatch(/topics=overview%2Cevents$/)
})

describe('a plan that is handed in', () => {
  const SUBMIT = 'POST /api/v1/plans'
  const write = async (text: string) => {
    await userEvent.click(await screen.findByLabelText('JSON or TOML'))
    await userEvent.paste(text)
  }
  const press = (name: string) => userEvent.click(screen.getByRole('button', { name }))

  test('is sent as it was written, and shown', async () => {
    const { asked, router } = await openApp('/plans/new', {
      ...ONE,
      [SUBMIT]: () => Response.json({ plan: plan(), ticket_ids: {}, is_first: true }, { status: 201 }),
    })
    await write('{"name": "n", "tickets": [{"id": "a", "type": "TEST"}]}')
    await press('Submit')
    await waitFor(() => expect(router.state.location.pathname).toBe(`/plans/${PLAN_ID}`))
    expect(asked(SUBMIT)[0]?.body).toEqual({ name: 'n', tickets: [{ id: 'a', type: 'TEST' }] })
  })

  test('sent twice goes with the same key, changed with another', async () => {
    const { asked } = await openApp('/plans/new', { [SUBMIT]: () => problem(503, 'unavailable', 'away') })
    await write('{"tickets": []}')
    await press('Submit')
    await screen.findByRole('alert')
    await press('Submit')
    await waitFor(() => expect(asked(SUBMIT)).toHaveLength(2))
    await write(' ')
    await press('Submit')
    await waitFor(() => expect(asked(SUBMIT)).toHaveLength(3))
    const keys = asked(SUBMIT).map((call) => call.headers.get('idempotency-key'))
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
    expect(keys[1]).toBe(keys[0])
    expect(keys[2]).not.toBe(keys[0])
  })

  test('is refused at the place that is wrong', async () => {
    const errors = [{ path: 'body.tickets.1.depends_on', message: 'there is no ticket mak' }]
    await openApp('/plans/new', {
      'POST /api/v1/plan-checks': () => problem(422, 'invalid_input', 'the plan is not right', { errors }),
    })
    await write('{"tickets": [{"id": "make", "type": "TEST"}, {"id": "try", "type": "TEST"}]}')
    await press('Check only')
    const places = await screen.findByRole('list', { name: 'Where it is wrong' })
    expect(places).toHaveTextContent('tickets[1] “try” · depends_on')
    expect(places).toHaveTextContent('there is no ticket mak')
  })

  test('is checked without being stored', async () => {
    const found = {
      tickets: 2,
      levels: 2,
      ready: ['make'],
      critical_path: ['make', 'try'],
      critical_ms: 60_000,
    }
    const { asked } = await openApp('/plans/new', { 'POST /api/v1/plan-checks': () => found })
    await press('Put an example in')
    await press('Check only')
    expect(await screen.findByText('make → try')).toBeVisible()
    expect(asked(SUBMIT)).toHaveLength(0)
  })

  test('may be TOML; what is neither names its line', async () => {
    const { asked } = await openApp('/plans/new', { [SUBMIT]: () => problem(403, 'forbidden', 'no') })
    await write('name = "n"\n[[tickets]]\nid = "a"\ntype = "TEST"\n')
    await press('Submit')
    await waitFor(() => expect(asked(SUBMIT)).toHaveLength(1))
    expect(asked(SUBMIT)[0]?.body).toEqual({ name: 'n', tickets: [{ id: 'a', type: 'TEST' }] })
    await write('type = = 1')
    await press('Submit')
    expect(await screen.findByText('Line 5 cannot be read')).toBeVisible()
    expect(asked(SUBMIT)).toHaveLength(1)
  })

  test('names its tickets where its reader names places', async () => {
    const read = await readPlan('{"tickets": [{"id": "a", "type": "TEST"}]}')
    expect(placeIn(read, 'body.tickets.0.type')).toBe('tickets[0] “a” · type')
    expect(placeIn(null, 'body.name')).toBe('name')
    await expect(readPlan('{"tickets": [}')).rejects.toThrow()
  })
})

describe('one plan', () => {
  test('offers what the API says that can be done', async () => {
    await openApp(`/plans/${PLAN_ID}`, ONE)
    expect(await screen.findByRole('button', { name: 'Pause' })).toBeEnabled()
    expect(screen.queryByRole('button', { name: 'Resume' })).not.toBeInTheDocument()
  })

  test('is paused at once, and says so', async () => {
    const { asked } = await openApp(`/plans/${PLAN_ID}`, {
      ...ONE,
      'POST /api/v1/plans/{plan_id}/pause': () => plan({ paused: true, can: ['cancel', 'resume'] }),
    })
    await userEvent.click(await screen.findByRole('button', { name: 'Pause' }))
    expect(await screen.findByRole('button', { name: 'Resume' })).toBeEnabled()
    expect(asked('POST /api/v1/plans/{plan_id}/pause')).toHaveLength(1)
  })

  test('is cancelled only when its name was typed', async () => {
    const { asked } = await openApp(`/plans/${PLAN_ID}`, {
      ...ONE,
      'POST /api/v1/plans/{plan_id}/cancel': () => plan({ status: 'cancelling', can: [] }),
    })
    await userEvent.click(await screen.findByRole('button', { name: 'More that can be done with the plan' }))
    await userEvent.click(await screen.findByRole('menuitem', { name: 'Cancel the plan' }))
    const dialog = within(await screen.findByRole('dialog'))
    const submit = dialog.getByRole('button', { name: 'Cancel the plan' })
    await userEvent.type(dialog.getByLabelText('Type nightly to confirm'), 'nightl')
    expect(submit).toBeDisabled()
    await userEvent.type(dialog.getByLabelText('Type nightly to confirm'), 'y')
    await userEvent.click(submit)
    await waitFor(() => expect(asked('POST /api/v1/plans/{plan_id}/cancel')).toHaveLength(1))
  })

  test('that there is not is said so', async () => {
    await openApp('/plans/nowhere', {
      'GET /api/v1/plans/{plan_id}': () => problem(404, 'not_found', 'there is no plan nowhere'),
    })
    expect(await screen.findByRole('alert')).toHaveTextContent('there is no plan nowhere')
  })

  test('lists its tickets by the state in the address', async () => {
    const { asked } = await openApp(`/plans/${PLAN_ID}?state=failed`, ONE)
    await table('Tickets')
    const query = asked('GET /api/v1/tickets')[0]?.url.searchParams
    expect([query?.get('plan_id'), query?.get('status')]).toEqual([PLAN_ID, 'failed'])
  })

  test('shows its tickets on a board by state', async () => {
    await openApp(`/plans/${PLAN_ID}?view=board`, ONE)
    const lane = within(await screen.findByRole('region', { name: /^Under way/ }))
    expect(lane.getByRole('link', { name: 'try' })).toHaveAttribute('href', `/tickets/${ticketId(2)}`)
    expect(within(screen.getByRole('region', { name: /^Done/ })).getByText('succeeded')).toBeVisible()
  })

  test('draws its graph in words, too', async () => {
    await openApp(`/plans/${PLAN_ID}?view=graph`, ONE)
    const drawing = within(await screen.findByRole('region', { name: 'What waits for what' }))
    expect(drawing.getByRole('link', { name: 'try, TEST, running, on the critical path' })).toHaveAttribute(
      'href',
      `/tickets/${ticketId(2)}`,
    )
    expect(screen.getByText(/The critical path has 2 tickets and takes about 1 min 30 sec/)).toBeVisible()
    await userEvent.click(screen.getByRole('radio', { name: 'Table' }))
    const rows = (await table('What waits for what')).getAllByRole('row')
    expect(rows[2]).toHaveTextContent(/try.*running.*TEST.*make/)
  })

  test('a level of many tickets is one box that opens by keyboard', async () => {
    const many = Array.from({ length: 60 }, (_, index) =>
      node({ id: `t${index}`, ticket_id: ticketId(index + 10), level: 1, status: 'waiting' }),
    )
    const edges = many.map((one) => ({ ticket: one.id, depends_on: 'make' }))
    await openApp(`/plans/${PLAN_ID}?view=graph`, {
      ...ONE,
      'GET /api/v1/plans/{plan_id}/graph': () =>
        graph({ nodes: [node(), ...many], edges, critical_path: [] }),
    })
    const box = await screen.findByRole('button', { name: '60 tickets, 0 of 60 done. Opens the level' })
    expect(screen.queryByRole('link', { name: /^t7,/ })).not.toBeInTheDocument()
    act(() => box.focus())
    await userEvent.keyboard('{Enter}')
    expect(await screen.findByRole('link', { name: 't7, EXECUTE, waiting' })).toBeInTheDocument()
  })

  test('what the stream tells of a ticket is on the board at once', async () => {
    const { socket, asked } = await openApp(`/plans/${PLAN_ID}?view=board`, ONE)
    await screen.findByRole('region', { name: /^Under way 1/ })
    const data = { plan_id: PLAN_ID, task_id: 'try', status: 'failed' }
    act(() => socket().say('ticket', { id: '1', type: 'ticket.failed', subject: ticketId(2), data, at: 1 }))
    expect(await screen.findByRole('region', { name: /^Failed 1/ })).toBeInTheDocument()
    expect(asked('GET /api/v1/plans/{plan_id}/graph')).toHaveLength(1)
  })

  test('in Portuguese its states are Portuguese', async () => {
    await i18next.changeLanguage('pt-BR')
    await openApp(`/plans/${PLAN_ID}`, ONE)
    expect((await screen.findAllByText('em execução')).length).toBeGreaterThan(0)
    expect(screen.getByRole('button', { name: 'Pausar' })).toBeEnabled()
  })
})

test('a graph is not made anew for what does not concern it', () => {
  const before = graph()
  const event = { id: '1', type: 'ticket.failed', subject: 'another', data: { status: 'failed' }, at: 1 }
  expect(patched(before, event)).toBe(before)
  expect(patched(before, { ...event, subject: ticketId(2), data: { status: 'moon' } })).toBe(before)
})

test('every state of a ticket has one lane of the board', () => {
  const lanes = LANES.flatMap((lane) => [...lane.states])
  expect([...lanes].sort()).toEqual(Object.keys(TICKET).sort())
})

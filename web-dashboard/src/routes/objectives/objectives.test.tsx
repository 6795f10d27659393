import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import i18next from 'i18next'
import { openApp, problem } from '../../test/app.tsx'
import { me } from '../../test/fixtures.ts'
import { budget, freeze, slo } from '../../test/work.ts'
import { settled } from './ObjectiveForm.tsx'
import { courseOf, FRESH, rowsOf } from './objectives.ts'

// The canvas is drawn by a browser's test; jsdom has none.
vi.mock('./BudgetChart.tsx', () => ({ default: () => null }))

const other = slo({ slo_id: 'quick' }, { name: 'Quick', service_name: 'api' })
const LIST = {
  'GET /api/v1/slos': () => ({ items: [other, slo()], next: null }),
  'GET /api/v1/budgets': () => ({
    items: [
      budget(),
      budget({ slo_id: 'quick', status: 'HEALTHY', remaining: 0.9, pace: 'NORMAL', alerts: [] }),
    ],
  }),
}
const past = (at: number, remaining: number | null) => ({
  calculated_at: at,
  status: remaining === null ? 'NO_DATA' : 'WARNING',
  remaining,
  sli_value: 0.99,
  consumed: 1,
  total: 2,
  violations: 0,
  burn_rates: [],
})
const ONE = {
  'GET /api/v1/slos/{slo_id}': () => Response.json(slo(), { headers: { etag: '"abc"' } }),
  'GET /api/v1/budgets/{slo_id}': () => budget(),
  'GET /api/v1/budgets/{slo_id}/history': () => ({
    items: [past(1_800_000_300, 0.082), past(1_800_000_000, 0.5)],
    next: null,
  }),
}
const PUT = 'PUT /api/v1/slos/{slo_id}'

test('the list shows the worst first, in words and figures', async () => {
  await openApp('/objectives', LIST)
  const rows = within(await screen.findByRole('table', { name: 'Objectives' })).getAllByRole('row')
  expect(rows[1]).toHaveTextContent(
    /Chats are answered.*critical.*99\.9% in 30 days.*8\.2%.*6\.2x fast.*1 fires/,
  )
  expect(rows[2]).toHaveTextContent(/Quick.*healthy/)
  const meter = within(rows[1] as HTMLElement).getByRole('meter', { name: 'Budget left' })
  expect(meter).toHaveAttribute('aria-valuetext', '8.2%')
})

test('what is switched off stands last, what has no data before it', () => {
  const rows = rowsOf(
    [slo({ slo_id: 'off' }, { enabled: false }), slo({ slo_id: 'empty' }), slo()],
    [budget(), budget({ slo_id: 'empty', remaining: null, status: 'NO_DATA' })],
  )
  expect(rows.map((row) => row.slo.slo_id)).toEqual(['chat', 'empty', 'off'])
})

test('filters stand in the address', async () => {
  const { asked, router } = await openApp('/objectives?status=HEALTHY&service=api', LIST)
  expect(asked('GET /api/v1/slos')[0]?.url.searchParams.get('service_name')).toBe('api')
  expect(await screen.findByText('Quick')).toBeVisible()
  expect(screen.queryByText('Chats are answered')).not.toBeInTheDocument()
  await userEvent.selectOptions(screen.getByLabelText('State'), 'all')
  await waitFor(() => expect(router.state.location.search).toEqual({ service: 'api' }))
})

test('without objectives the page says what one is for', async () => {
  await openApp('/objectives', { ...LIST, 'GET /api/v1/slos': () => ({ items: [], next: null }) })
  expect(await screen.findByText('No objectives yet')).toBeVisible()
})

test('objectives are listed though nobody knows how their budgets stand', async () => {
  await openApp('/objectives', { ...LIST, 'GET /api/v1/budgets': () => problem(503, 'unavailable') })
  expect(await screen.findByText('Chats are answered')).toBeVisible()
  expect(await screen.findByText(/How the budgets stand is not known/)).toBeVisible()
})

describe('one objective', () => {
  test('says how its budget stands and stood', async () => {
    await openApp('/objectives/chat', ONE)
    expect(await screen.findByText('110 of 120 events')).toBeVisible()
    expect(screen.getByText('in 8 hr 5 min')).toBeVisible()
    expect(await screen.findByText(/^50% was left .*, 8\.2% is left now/)).toBeVisible()
    const alerts = within(screen.getByRole('table', { name: 'Burn rates and alerts' }))
    expect(alerts.getAllByRole('row')[1]).toHaveTextContent(/1 hr: 6\.2x.*fires.*5 min: 7\.3x.*6x.*page/)
  })

  test('shows its course as a table, too', async () => {
    await openApp('/objectives/chat', ONE)
    const panel = within(await screen.findByRole('region', { name: 'Budget over time' }))
    await userEvent.click(await panel.findByRole('radio', { name: 'Table' }))
    const rows = within(await panel.findByRole('table')).getAllByRole('row')
    expect(rows[1]).toHaveTextContent(/warning.*8\.2%/)
  })

  test('that is kept in a file is not changed here', async () => {
    const kept = slo({ origin: 'objectives.yaml' })
    await openApp('/objectives/chat', { ...ONE, 'GET /api/v1/slos/{slo_id}': () => kept })
    expect(await screen.findByText(/kept in objectives.yaml/)).toBeVisible()
    expect(screen.queryByRole('link', { name: 'Change the objective' })).not.toBeInTheDocument()
  })

  test('an alert that can never fire says so', async () => {
    const [alert] = budget().alerts ?? []
    await openApp('/objectives/chat', {
      ...ONE,
      'GET /api/v1/slos/{slo_id}': () => slo({ warnings: ['5% of the budget would fire'] }),
      'GET /api/v1/budgets/{slo_id}': () =>
        budget({ alerts: alert ? [{ ...alert, fires: false, can_fire: false }] : [] }),
    })
    expect(await screen.findByText('can never fire')).toBeVisible()
    expect(screen.getByText('5% of the budget would fire')).toBeVisible()
  })

  test('without an Alertmanager nothing can be silenced, and that is no error', async () => {
    await openApp('/objectives/chat', {
      ...ONE,
      'GET /api/v1/silences': () => problem(409, 'no_alertmanager', 'no Alertmanager is named'),
    })
    expect(await screen.findByText('No Alertmanager is named')).toBeVisible()
  })

  test('its alerts are silenced with a reason', async () => {
    const { asked } = await openApp('/objectives/chat', {
      ...ONE,
      'POST /api/v1/silences': () => Response.json({ id: 's' }, { status: 201 }),
    })
    const panel = within(await screen.findByRole('region', { name: 'Silences' }))
    await userEvent.click(await panel.findByRole('button', { name: 'Silence' }))
    const dialog = within(await screen.findByRole('dialog'))
    await userEvent.type(dialog.getByLabelText('Reason'), 'maintenance')
    await userEvent.click(dialog.getByRole('button', { name: 'Silence' }))
    await waitFor(() => expect(asked('POST /api/v1/silences')).toHaveLength(1))
    expect(asked('POST /api/v1/silences')[0]?.body).toEqual({
      matchers: [{ name: 'slo', value: 'chat', isEqual: true, isRegex: false }],
      minutes: 60,
      comment: 'maintenance',
    })
  })

  test('lists its own freezes only', async () => {
    const { asked } = await openApp('/objectives/chat', {
      ...ONE,
      'GET /api/v1/policies/freezes/history': () => ({ items: [freeze()], next: null }),
    })
    expect(await screen.findByText('chat has 8.2% of its error budget left')).toBeVisible()
    const [call] = asked('GET /api/v1/policies/freezes/history')
    expect(call?.url.searchParams.get('slo_id')).toBe('chat')
  })
})

describe('changing one', () => {
  test('goes with what was seen of it', async () => {
    const { asked, router } = await openApp('/objectives/chat/edit', { ...ONE, [PUT]: () => slo() })
    const name = await screen.findByLabelText(/^Name/)
    await userEvent.clear(name)
    await userEvent.type(name, 'Answered')
    await userEvent.click(screen.getByRole('button', { name: 'Save' }))
    await waitFor(() => expect(router.state.location.pathname).toBe('/objectives/chat'))
    expect(asked(PUT)[0]?.headers.get('if-match')).toBe('"abc"')
    expect(asked(PUT)[0]?.body).toMatchObject({ name: 'Answered', target: 0.999 })
  })

  test('is refused when somebody else changed it, and what was written stays', async () => {
    await openApp('/objectives/chat/edit', {
      ...ONE,
      [PUT]: () => problem(412, 'changed_meanwhile', 'it is not as you saw it'),
    })
    await userEvent.type(await screen.findByLabelText(/^Name/), ' mine')
    await userEvent.click(screen.getByRole('button', { name: 'Save' }))
    expect(await screen.findByText(/Somebody else changed it since/)).toBeVisible()
    expect(screen.getByLabelText(/^Name/)).toHaveValue('Chats are answered mine')
  })

  test('a new one is refused at the field that is wrong', async () => {
    const errors = [{ path: 'body.sli_query.threshold_seconds', message: 'LATENCY needs one' }]
    await openApp('/objectives/new', {
      'POST /api/v1/slos': () => problem(422, 'invalid_input', 'not right', { errors }),
    })
    await userEvent.type(await screen.findByLabelText(/^Name/), 'quick')
    await userEvent.click(screen.getByRole('button', { name: 'Create' }))
    expect(await screen.findByText('body.sli_query.threshold_seconds')).toBeVisible()
  })

  test('windows of its own take the place of the usual alerts', async () => {
    const { asked } = await openApp('/objectives/chat/edit', { ...ONE, [PUT]: () => slo() })
    expect(await screen.findByText(/^The usual windows/)).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: 'Add a row' }))
    const row = within(screen.getByRole('group', { name: 'Alert 1' }))
    await userEvent.selectOptions(row.getByLabelText('Severity'), 'ticket')
    await userEvent.clear(row.getByLabelText(/^Short window/))
    await userEvent.type(row.getByLabelText(/^Short window/), '60')
    expect(row.getByText('Shorter than the long one')).toBeVisible()
    await userEvent.clear(row.getByLabelText(/^Short window/))
    await userEvent.type(row.getByLabelText(/^Short window/), '10')
    await userEvent.click(screen.getByRole('button', { name: 'Add a row' }))
    await userEvent.click(screen.getByRole('button', { name: 'Remove row 2' }))
    await userEvent.click(screen.getByRole('button', { name: 'Save' }))
    await waitFor(() => expect(asked(PUT)).toHaveLength(1))
    const alert_windows = [{ severity: 'ticket', budget: 0.02, long_seconds: 3600, short_seconds: 600 }]
    expect(asked(PUT)[0]?.body).toMatchObject({ alert_windows })
  })

  test('only what the source and the kind know is sent', () => {
    const query = {
      ...FRESH.sli_query,
      source: 'nodes',
      model: 'llama',
      node: 'n1',
      threshold_seconds: 3,
    } as const
    const made = settled({ ...FRESH, name: ' n ', sli_query: query, slice_target: 0.9 })
    expect(made.name).toBe('n')
    expect(made.slice_target).toBeNull()
    expect(made.sli_query).toMatchObject({ source: 'nodes', model: '', node: 'n1', threshold_seconds: null })
  })

  test('OpenSLO documents are taken as they are, by administrators', async () => {
    const { asked } = await openApp('/objectives/new?by=yaml', {
      'POST /api/v1/slos/import/openslo': () =>
        Response.json({ objectives: [slo()], policies: ['careful'], left_out: {} }, { status: 201 }),
    })
    await userEvent.click(await screen.findByLabelText('Documents'))
    await userEvent.paste('kind: SLO')
    await userEvent.click(screen.getByRole('button', { name: 'Take over' }))
    expect(await screen.findByText('Taken over: 1 objectives, 1 freeze policies.')).toBeVisible()
    expect(asked('POST /api/v1/slos/import/openslo')[0]?.body).toEqual({ yaml: 'kind: SLO' })
  })

  test('operators are offered the form alone', async () => {
    await openApp('/objectives/new?by=yaml', {}, me({ role: 'operator' }))
    expect(await screen.findByLabelText(/^Name/)).toBeVisible()
    expect(screen.queryByRole('radio', { name: 'OpenSLO' })).not.toBeInTheDocument()
  })
})

test('what nobody knew is a gap in the course, not zero', () => {
  expect(courseOf([past(1, 0.5), past(2, null)] as never).left).toEqual([50, null])
})

test('in Portuguese both texts and figures are Portuguese', async () => {
  await i18next.changeLanguage('pt-BR')
  await openApp('/objectives', LIST)
  expect(await screen.findByText('8,2%')).toBeVisible()
  // The filter above the list offers the same word.
  expect(screen.getByText('crítico', { selector: 'span' })).toBeVisible()
})

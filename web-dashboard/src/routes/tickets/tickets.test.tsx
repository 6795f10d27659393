import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import i18next from 'i18next'
import type { Incident, Ticket } from '../../api/types.ts'
import { openApp, problem } from '../../test/app.tsx'
import { entry, graph, node, plan, ticket, ticketId } from '../../test/work.ts'
import { Events } from './lines.ts'
import { artefactsOf, needsOf, whyOf } from './tickets.ts'

const ID = ticketId(2)
const LOGS = 'GET /api/v1/tickets/{ticket_id}/logs'
const line = (id: number, text: string) =>
  `id: ${id}\nevent: line\ndata: ${JSON.stringify({ attempt: 1, at: 1_800_000_000, text })}\n\n`
const END = 'event: end\ndata: {}\n\n'
const stream = (text: string) => new Response(text, { headers: { 'content-type': 'text/event-stream' } })

const answers = (one: Ticket = ticket()) => ({
  'GET /api/v1/tickets/{ticket_id}': () => one,
  'GET /api/v1/plans/{plan_id}': () => plan(),
  'GET /api/v1/plans/{plan_id}/graph': () => graph(),
  'GET /api/v1/tickets/{ticket_id}/history': () => ({
    ticket_id: one.ticket_id,
    intact: true,
    entries: [entry()],
    attempts: [],
  }),
  [LOGS]: () => stream(`: hello\n\n${END}`),
})

const open = (one?: Ticket, more = {}) => openApp(`/tickets/${ID}`, { ...answers(one), ...more })

test('a ticket says how it stands and leads back to its plan', async () => {
  await open(ticket({ progress: 0.42, note: 'compiling' }))
  expect(await screen.findByRole('heading', { level: 1, name: 'try' })).toBeVisible()
  expect(await screen.findByRole('link', { name: 'nightly' })).toBeVisible()
  expect(screen.getByRole('meter', { name: 'Progress' })).toHaveAttribute('aria-valuenow', '42')
  expect(screen.getByText(/compiling/)).toBeVisible()
  expect(screen.getByText(/"argv"/)).toBeVisible()
})

describe('why it waits', () => {
  const around = { plan: undefined, needs: [], pausedKinds: {}, incidents: [] }
  const word = (change: Partial<Ticket>, more: object = {}) =>
    whyOf(ticket(change), { ...around, ...more })?.word

  test.each<[string, Partial<Ticket>, object, string | undefined]>([
    ['somebody must agree', { status: 'frozen', error_code: 'approval' }, {}, 'why.approval'],
    ['a freeze', { status: 'frozen', error_code: 'frozen' }, {}, 'why.freeze'],
    ['a person', { status: 'frozen', error_code: '' }, {}, 'why.held'],
    ['its plan is paused', { status: 'ready' }, { plan: plan({ paused: true }) }, 'why.paused'],
    ['its kind is paused', { status: 'ready' }, { pausedKinds: { TEST: 'bo' } }, 'why.kind_paused'],
    ['another kind is paused', { status: 'ready' }, { pausedKinds: { MAP: 'bo' } }, 'why.ready'],
    ['no worker', { status: 'ready' }, { incidents: [{ kind: 'no_worker' } as Incident] }, 'why.no_worker'],
    ['its turn', { status: 'ready' }, {}, 'why.ready'],
    ['the next attempt', { status: 'retrying' }, {}, 'why.retrying'],
    ['it does not', { status: 'running' }, {}, undefined],
    ['it is over', { status: 'failed' }, {}, undefined],
  ])('%s', (_, change, more, wanted) => {
    expect(word(change, more)).toBe(wanted)
  })

  test('names what has not succeeded', () => {
    const one = ticket({ status: 'waiting', depends_on: ['make', 'lint'] })
    const nodes = [node(), node({ id: 'lint', ticket_id: 'l', status: 'running' })]
    const why = whyOf(one, { ...around, needs: needsOf(one, graph({ nodes })) })
    expect(why?.values.names).toBe('lint')
  })

  test('stands on the page with the code and the API’s words, and leads to the freezes', async () => {
    const held = { error_code: 'frozen', error_message: 'chat has 4.1% left', can: ['unhold'] }
    await open(ticket({ status: 'frozen', ...held }))
    const main = within(await screen.findByRole('main'))
    expect(await main.findByText('A freeze holds it. It goes on by itself when that is over.')).toBeVisible()
    expect(main.getByText('chat has 4.1% left')).toBeVisible()
    expect(main.getByRole('link', { name: 'See why' })).toHaveAttribute('href', '/freezes')
  })
})

describe('what can be done', () => {
  test('a ticket that asks for a yes gets it, unless it changed meanwhile', async () => {
    const waits = ticket({ status: 'frozen', error_code: 'approval', can: ['cancel', 'unhold'] })
    const { asked } = await open(waits, {
      'PATCH /api/v1/tickets/{ticket_id}/status': () =>
        problem(412, 'changed_meanwhile', 'it is running now'),
    })
    await userEvent.click(await screen.findByRole('button', { name: 'Approve' }))
    expect(await screen.findByRole('alert')).toHaveTextContent('it is running now')
    const [call] = asked('PATCH /api/v1/tickets/{ticket_id}/status')
    expect(call?.headers.get('if-match')).toBe('"5"')
    expect(call?.body).toEqual({ status: 'ready', reason: '' })
  })

  test('what failed is tried again', async () => {
    const failed = ticket({
      status: 'failed',
      error_code: 'exit_status',
      error_message: 'Error 2',
      can: ['retry'],
    })
    const { asked } = await open(failed, {
      'POST /api/v1/tickets/{ticket_id}/retry': () => ticket({ status: 'ready' }),
    })
    expect(await screen.findByText('Error 2')).toBeVisible()
    expect(screen.queryByRole('button', { name: 'Hold' })).not.toBeInTheDocument()
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
    await waitFor(() => expect(asked('POST /api/v1/tickets/{ticket_id}/retry')).toHaveLength(1))
  })

  test('a ticket is held with a reason', async () => {
    const { asked } = await open(ticket(), {
      'PATCH /api/v1/tickets/{ticket_id}/status': () => ticket({ status: 'frozen' }),
    })
    await userEvent.click(await screen.findByRole('button', { name: 'Hold' }))
    const dialog = within(await screen.findByRole('dialog'))
    expect(dialog.getByRole('button', { name: 'Hold' })).toBeDisabled()
    await userEvent.type(dialog.getByLabelText('Reason'), 'the disk is full')
    await userEvent.click(dialog.getByRole('button', { name: 'Hold' }))
    await waitFor(() => expect(asked('PATCH /api/v1/tickets/{ticket_id}/status')).toHaveLength(1))
    const [call] = asked('PATCH /api/v1/tickets/{ticket_id}/status')
    expect(call?.body).toEqual({ status: 'frozen', reason: 'the disk is full' })
  })
})

describe('what it writes', () => {
  test('comes line by line, and goes on behind the last one after a break', async () => {
    let call = 0
    const { asked } = await open(ticket(), {
      [LOGS]: () => {
        call += 1
        return stream(call === 1 ? line(40, 'first') : `${line(80, 'second')}${END}`)
      },
    })
    expect(await screen.findByText('first')).toBeVisible()
    expect(await screen.findByText('second')).toBeVisible()
    expect(await screen.findByText('complete')).toBeVisible()
    expect(asked(LOGS).map((one) => one.url.searchParams.get('after'))).toEqual(['0', '40'])
  })

  test('is said to be nothing yet', async () => {
    await open()
    expect(await screen.findByText('It wrote nothing yet')).toBeVisible()
  })

  test('that may not be read is not asked for again', async () => {
    const { asked } = await open(ticket(), { [LOGS]: () => problem(403, 'forbidden', 'not yours') })
    expect(await screen.findByText('not yours')).toBeVisible()
    expect(asked(LOGS)).toHaveLength(1)
  })

  test('is put together however it is cut', () => {
    const events = new Events()
    const text = line(7, 'é 1') + line(9, 'two') + END
    const told = [...text].flatMap((one) => events.push(one))
    expect(told.map((one) => [one.after, one.line?.text, one.isEnd])).toEqual([
      [7, 'é 1', false],
      [9, 'two', false],
      [9, undefined, true],
    ])
  })
})

test('the history says whether its seals fit, the newest first', async () => {
  const entries = [
    entry(),
    entry({ seq: 2, to_state: 'failed', data: { code: 'exit_status', error: 'Error 2' } }),
  ]
  await open(ticket(), {
    'GET /api/v1/tickets/{ticket_id}/history': () => ({
      ticket_id: ID,
      intact: false,
      entries,
      attempts: [],
    }),
  })
  expect(await screen.findByText('The seals do not fit: this history was changed.')).toBeVisible()
  const panel = within(screen.getByRole('region', { name: 'History' }))
  const moves = panel.getAllByRole('listitem')
  expect(moves[0]).toHaveTextContent(/failed.*exit_status Error 2.*2, seal a{12}/)
  expect(moves[1]).toHaveTextContent('waiting')
})

test('a result is shown and can be fetched; a large one is asked for first', async () => {
  const done = ticket({ status: 'succeeded', result_bytes: 90_000, result_sha256: 'ab', can: [] })
  await open(done, {
    'GET /api/v1/tickets/{ticket_id}/result': () => ({ ticket_id: ID, value: { lines: 12 } }),
  })
  const link = await screen.findByRole('link', { name: 'Download' })
  expect(link).toHaveAttribute('href', `/api/v1/tickets/${ID}/result`)
  await userEvent.click(screen.getByRole('button', { name: 'Show it' }))
  expect(await screen.findByText(/"lines": 12/)).toBeVisible()
})

test('files are named with their size and seal, whatever else the API says of them', () => {
  const artefacts = [{ name: 'out.tar', bytes: 12, sha256: 'cd', path: 'x/out.tar', more: 1 }, {}]
  expect(artefactsOf(ticket({ artefacts }))).toEqual([
    { name: 'out.tar', bytes: 12, sha256: 'cd', path: 'x/out.tar' },
    { name: '', bytes: null, sha256: '', path: '' },
  ])
})

test('in Portuguese it says why it waits in Portuguese', async () => {
  await i18next.changeLanguage('pt-BR')
  await open(ticket({ status: 'waiting' }), {
    'GET /api/v1/plans/{plan_id}/graph': () => graph({ nodes: [node({ status: 'running' })] }),
  })
  expect(await screen.findByText('Espera por make.')).toBeVisible()
})

import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import openapi from '../../../../docs/openapi.json'
import type { ClusterEvent, Incident, Webhook } from '../../api/types.ts'
import { INCIDENT_KINDS } from '../../app/searches.ts'
import { type Call, openApp, problem } from '../../test/app.tsx'
import { me, overview } from '../../test/fixtures.ts'
import { budget, slo } from '../../test/work.ts'
import { chosen, DELIVERY, firingOf, toneOf, webhookLook } from './events.ts'

const INCIDENTS = 'GET /api/v1/incidents'
const KEPT = 'GET /api/v1/event-log'
const HOOKS = 'GET /api/v1/webhooks'
const LAST = 'GET /api/v1/webhooks/{webhook}/deliveries'
const TEST = 'POST /api/v1/webhooks/{webhook}/test'

const QUIET = {
  [HOOKS]: () => ({ items: [] }),
  'GET /api/v1/budgets': () => ({ items: [] }),
  'GET /api/v1/slos': () => ({ items: [], next: '' }),
}

function incident(number: number): Incident {
  return {
    incident_id: `i${number}`,
    kind: 'stuck',
    subject: `ticket-${number}`,
    detail: 'it does not go on',
    plan_id: '',
    count: 2,
    repair: '',
    opened_at: 1_800_000_000,
    seen_at: 1_800_000_001,
    closed_at: null,
  }
}

const hook: Webhook = {
  id: 'w1',
  kind: 'slack',
  url: 'https://hooks.example/x',
  name: 'team',
  events: ['*'],
  enabled: true,
  created_at: 1,
  failing_since: null,
  why_disabled: '',
}

function event(change: Partial<ClusterEvent> = {}): ClusterEvent {
  return { at: 1000, kind: 'node.state', subject: 'laptop', before: 'healthy', after: 'down', ...change }
}

test('what was kept stands below what happens now, each once', async () => {
  const kept = (number: number, change: Partial<ClusterEvent> = {}) => ({ ...event(change), number })
  const page = Array.from({ length: 20 }, (_, index) =>
    kept(200 - index, { at: 900 - index, subject: `old-${index}` }),
  )
  const { socket } = await openApp('/events', {
    ...QUIET,
    [KEPT]: () => ({
      items: [kept(201), ...page],
    }),
  })
  act(() => {
    socket().say('overview', overview())
    socket().say('events', event())
    socket().say('events', event({ at: 1001, subject: 'tower' }))
  })
  const log = within(await screen.findByRole('list', { name: 'Event log' }))
  expect(await log.findByText('old-0')).toBeVisible()
  expect(await log.findByText('tower')).toBeVisible()
  expect(log.getAllByText('laptop')).toHaveLength(1)
  expect(log.getAllByRole('listitem')[0]).toHaveTextContent('tower')
})

test('a full page is followed by the one before it, with the same filters', async () => {
  const { asked } = await openApp('/events?kind=node.state&subject=nas', {
    ...QUIET,
    [KEPT]: ({ url }) => ({
      items: url.searchParams.has('before')
        ? [{ ...event({ at: 1, subject: 'nas-first' }), number: 5 }]
        : Array.from({ length: 100 }, (_, index) => ({
            ...event({ at: 900 - index, subject: `nas-${index}` }),
            number: 200 - index,
          })),
    }),
  })
  const panel = within(await screen.findByRole('region', { name: 'Event log' }))
  await userEvent.click(await panel.findByRole('button', { name: 'More' }))
  expect(await panel.findByText('nas-first')).toBeVisible()
  expect(Object.fromEntries(asked(KEPT)[1]?.url.searchParams ?? [])).toEqual({
    limit: '100',
    kind: 'node.state',
    subject: 'nas',
    before: '101',
  })
  expect(panel.queryByRole('button', { name: 'More' })).not.toBeInTheDocument()
})

test('without what was kept, what happens now is shown still', async () => {
  const { socket } = await openApp('/events', { ...QUIET, [KEPT]: () => problem(503, 'database_away') })
  act(() => {
    socket().say('overview', overview())
    socket().say('events', event())
  })
  const panel = within(await screen.findByRole('region', { name: 'Event log' }))
  expect(await panel.findByText('laptop')).toBeVisible()
  expect(await panel.findByRole('alert')).toBeVisible()
})

test('what happens is listed as it happens, and the address says which of it', async () => {
  const { router, socket } = await openApp('/events?severity=trouble', QUIET)
  act(() => {
    socket().say('overview', overview())
    socket().say('events', event())
    socket().say('events', event({ at: 1001, subject: 'tower', before: 'down', after: 'healthy' }))
  })
  const log = within(await screen.findByRole('list', { name: 'Event log' }))
  expect(log.getByText('laptop')).toBeVisible()
  expect(log.queryByText('tower')).not.toBeInTheDocument()
  const panel = within(screen.getByRole('region', { name: 'Event log' }))
  await userEvent.selectOptions(panel.getByLabelText('Severity'), 'all')
  expect(await log.findByText('tower')).toBeVisible()
  await userEvent.type(panel.getByLabelText('Subject'), 'lap')
  await waitFor(() => expect(log.queryByText('tower')).not.toBeInTheDocument())
  expect(router.state.location.search).toMatchObject({ subject: 'lap' })
})

test('incidents follow page by page, narrowed by the address', async () => {
  const page = ({ url }: Call) => {
    const isFirst = !url.searchParams.get('cursor')
    return { items: [incident(isFirst ? 1 : 2)], next: isFirst ? 'further' : '' }
  }
  const { asked } = await openApp('/events?incident=stuck&open=open', { ...QUIET, [INCIDENTS]: page })
  const panel = within(await screen.findByRole('region', { name: 'Incidents' }))
  expect(await panel.findByText('ticket-1')).toBeVisible()
  await userEvent.click(panel.getByRole('button', { name: 'More' }))
  expect(await panel.findByText('ticket-2')).toBeVisible()
  const queries = asked(INCIDENTS).map((call) => Object.fromEntries(call.url.searchParams))
  expect(queries).toContainEqual({ kind: 'stuck', open: 'true', cursor: '', limit: '50' })
  expect(queries).toContainEqual({ kind: 'stuck', open: 'true', cursor: 'further', limit: '50' })
})

test('a receiver says what became of the last message, and answers a test', async () => {
  const { asked } = await openApp('/events', {
    ...QUIET,
    [HOOKS]: () => ({ items: [hook] }),
    [LAST]: () => ({
      items: [
        { id: 'd', event_id: 'e', event_type: 'x', state: 'dead', created_at: 1, changed_at: 2, error: 'no' },
      ],
      next: '',
    }),
    [TEST]: () => ({ status: 204, ms: 250, error: '', excerpt: '', retry_after: null }),
  })
  const panel = within(await screen.findByRole('region', { name: 'Who is told' }))
  expect(await panel.findByText('given up')).toBeVisible()
  await userEvent.click(panel.getByRole('button', { name: 'Send a test to team' }))
  expect(await panel.findByText('team answered 204 in 250 ms.')).toBeVisible()
  expect(asked(TEST)).toHaveLength(1)
})

test('a test that a receiver did not take says why', async () => {
  await openApp('/events', {
    ...QUIET,
    [HOOKS]: () => ({ items: [hook] }),
    [LAST]: () => ({ items: [], next: '' }),
    [TEST]: () => ({ status: null, ms: 5, error: 'refused', excerpt: '', retry_after: null }),
  })
  const panel = within(await screen.findByRole('region', { name: 'Who is told' }))
  expect(await panel.findByText('nothing sent yet')).toBeVisible()
  await userEvent.click(panel.getByRole('button', { name: 'Send a test to team' }))
  expect(await panel.findByText('team did not take it: refused')).toBeVisible()
})

test('who is told is for administrators', async () => {
  const { asked } = await openApp('/events', QUIET, me({ role: 'viewer' }))
  expect(await screen.findByText('No incident')).toBeVisible()
  expect(screen.queryByRole('region', { name: 'Who is told' })).not.toBeInTheDocument()
  expect(asked(HOOKS)).toEqual([])
})

test('incidents that cannot be had leave the rest to be seen', async () => {
  await openApp('/events', { ...QUIET, [INCIDENTS]: () => problem(503, 'unavailable') })
  const panel = within(await screen.findByRole('region', { name: 'Incidents' }))
  expect(await panel.findByRole('button', { name: 'Try again' })).toBeVisible()
  expect(await screen.findByText('No alert fires')).toBeVisible()
})

test('only alerts that fire are told, under the name of their objective', () => {
  const [alert] = budget().alerts ?? []
  if (!alert) throw new Error('the fixture has no alert')
  const known = slo()
  const alerts = [
    { ...alert, fires: true },
    { ...alert, fires: false },
  ]
  const found = firingOf([known], [budget({ slo_id: known.slo_id, alerts })])
  expect(found.map((one) => one.name)).toEqual([known.objective.name])
  expect(firingOf([], [budget({ slo_id: 'gone', alerts })])[0]?.name).toBe('gone')
})

test('how bad an event is comes from where it led', () => {
  expect(toneOf(event())).toBe('bad')
  expect(toneOf(event({ after: 'healthy' }))).toBe('ok')
  expect(toneOf(event({ kind: 'worker.state', before: 'connected', after: '' }))).toBe('warn')
  expect(toneOf(event({ kind: 'model.nodes', before: 'a', after: '' }))).toBe('idle')
  expect(toneOf(event({ kind: 'problem', before: '', after: 'open' }))).toBe('bad')
  expect(toneOf(event({ kind: 'problem', before: 'open', after: '' }))).toBe('ok')
  expect(chosen([event(), event({ kind: 'problem' })], { kind: 'problem' })).toHaveLength(1)
})

test('a receiver is on, off or failing', () => {
  expect(webhookLook(hook).word).toBe('webhooks.on')
  expect(webhookLook({ ...hook, failing_since: 5 }).word).toBe('webhooks.failing')
  expect(webhookLook({ ...hook, enabled: false, failing_since: 5 }).word).toBe('webhooks.off')
})

test('every kind of incident and every state of a delivery is known', () => {
  const asked = openapi.paths['/api/v1/incidents'].get.parameters.find((one) => one.name === 'kind')
  const kinds = (asked?.schema as { enum?: string[] } | undefined)?.enum?.filter((kind) => kind !== '')
  expect([...INCIDENT_KINDS].sort()).toEqual(kinds?.sort())
  expect(Object.keys(DELIVERY).sort()).toEqual([...openapi.components.schemas.DeliveryState.enum].sort())
})

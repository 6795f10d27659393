import { act, screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import i18next from 'i18next'
import type { LiveState } from '../../api/live.ts'
import { queries } from '../../api/session.ts'
import type { Overview } from '../../api/types.ts'
import { me, node, overview, part, worker } from '../../test/fixtures.ts'
import { show } from '../../test/render.tsx'
import { plan, ticket } from '../../test/work.ts'
import { OverviewPage } from './page.tsx'

// The canvas is drawn by a browser's test; jsdom has none.
vi.mock('./Chart.tsx', () => ({ default: () => null }))

const live = (picture: Overview, more: Partial<LiveState> = {}): Partial<LiveState> => ({
  link: 'live',
  overview: picture,
  receivedAt: Date.now(),
  samples: [{ at: 1000, requests: 1, tokens: 80, inflight: 1, errors: 0 }],
  ...more,
})

/** The API has nothing to say of work and objectives. */
beforeEach(() => vi.stubGlobal('fetch', async () => new Response(null, { status: 503 })))

/** Lets what is loaded on demand arrive. */
const settle = () => act(async () => {})

const panel = (name: RegExp) => screen.getByRole('region', { name })

test('loading: says so and invents no figures', () => {
  show(<OverviewPage />)
  expect(screen.getByRole('heading', { level: 1 })).toHaveTextContent('Looking at the cluster')
  expect(screen.queryByRole('table')).not.toBeInTheDocument()
})

test('error: a cluster that never answered is named, with what to do', () => {
  show(<OverviewPage />, { link: 'lost' })
  expect(screen.getByRole('alert')).toHaveTextContent('./manager.sh status')
})

test('live: one sentence, and every part of the picture', async () => {
  show(<OverviewPage />, live(overview()))
  await settle()
  expect(screen.getByRole('heading', { level: 1 })).toHaveTextContent('Everything works')
  expect(within(panel(/^Nodes/)).getByText('healthy')).toBeVisible()
  expect(within(panel(/^Models/)).getByText('smollm2:135m')).toBeVisible()
  expect(within(panel(/^Dask workers/)).getByText('worker-0')).toBeVisible()
  expect(within(panel(/^Tasks/)).getByText('5 of 10 done')).toBeVisible()
  expect(within(panel(/^Parts/)).getByText('ready')).toBeVisible()
  expect(screen.queryByText(/Nothing new for/)).not.toBeInTheDocument()
})

test('draining: a node that gets no new calls says so', async () => {
  show(<OverviewPage />, live(overview({ nodes: [node({ draining: true })] })))
  await settle()
  expect(within(panel(/^Nodes/)).getByText('draining')).toBeVisible()
})

test('stale: an old picture says its age and can be asked for anew', () => {
  show(<OverviewPage />, live(overview(), { link: 'lost', receivedAt: Date.now() - 42_000 }))
  expect(screen.getByText(/Nothing new for 42 sec/)).toBeVisible()
  expect(screen.getByRole('button', { name: 'Try again' })).toBeEnabled()
})

test('partial: what the silent gateway last said is not shown as true', () => {
  show(<OverviewPage />, live(overview({ gateway_reachable: false })))
  const nodes = panel(/^Nodes/)
  expect(within(nodes).getByText(/as last known/)).toBeVisible()
  expect(within(nodes).getByText('unknown')).toBeVisible()
  expect(within(nodes).queryByText('healthy')).not.toBeInTheDocument()
})

test('empty: every panel says why it is empty', () => {
  const bare = overview({
    nodes: [],
    models: [],
    compute: { ...overview().compute, reachable: false, workers: [], tasks: [] },
    system: { ...overview().system, parts: [], problems: ['scheduler.down: refused'] },
  })
  show(<OverviewPage />, live(bare))
  expect(screen.getByText('No node serves models')).toBeVisible()
  expect(screen.getByText('No models yet')).toBeVisible()
  expect(screen.getAllByText('The Dask scheduler does not answer')).toHaveLength(3)
  expect(screen.getByText('The supervisor does not answer')).toBeVisible()
})

test('a restart is asked about first', async () => {
  show(
    <OverviewPage />,
    live(overview({ system: { ...overview().system, parts: [part({ name: 'node' })] } })),
  )
  await userEvent.click(screen.getByRole('button', { name: 'Restart node' }))
  expect(await screen.findByRole('dialog', { name: 'Restart node' })).toBeVisible()
})

test('a viewer sees everything and can change nothing', () => {
  show(<OverviewPage />, live(overview()), me({ role: 'viewer' }))
  expect(screen.queryByRole('button', { name: /^(Restart .|Add$)/ })).not.toBeInTheDocument()
  expect(within(panel(/^Nodes/)).getByText('embedded')).toBeVisible()
})

test('ten thousand workers draw only those in sight', () => {
  const workers = Array.from({ length: 10_000 }, (_, index) =>
    worker({ name: `w${index}`, address: `tcp://10.0.0.1:${index}` }),
  )
  show(<OverviewPage />, live(overview({ compute: { ...overview().compute, workers } })))
  const table = within(panel(/^Dask workers/)).getByRole('table')
  expect(table).toHaveAttribute('aria-rowcount', '10001')
  expect(within(table).getAllByRole('row').length).toBeLessThan(100)
})

test('a table is sorted by the column that is clicked', async () => {
  const nodes = [node({ name: 'b', inflight: 1 }), node({ name: 'a', inflight: 5 })]
  show(<OverviewPage />, live(overview({ nodes })))
  const table = within(panel(/^Nodes/)).getByRole('table')
  await userEvent.click(within(table).getByRole('button', { name: 'Name' }))
  expect(within(table).getByRole('columnheader', { name: 'Name' })).toHaveAttribute('aria-sort', 'ascending')
  expect(within(table).getAllByRole('row')[1]).toHaveTextContent(/^Namea/)
})

test('in Portuguese both texts and figures are Portuguese', async () => {
  await i18next.changeLanguage('pt-BR')
  show(<OverviewPage />, live(overview()))
  expect(screen.getByRole('heading', { level: 1 })).toHaveTextContent('Tudo funciona')
  expect(screen.getByText('1,5')).toBeVisible()
})

test('what happened is told in words, newest first', async () => {
  await i18next.changeLanguage('pt-BR')
  const events = [
    { at: 1002, kind: 'problem', subject: 'gateway.down', before: 'open', after: '' },
    { at: 1001, kind: 'part.state', subject: 'gateway', before: 'starting', after: 'ready' },
  ]
  show(<OverviewPage />, live(overview(), { events }))
  const lines = within(panel(/^O que aconteceu/)).getAllByRole('listitem')
  expect(lines[0]).toHaveTextContent('O gateway não respondepassou')
  expect(lines[1]).toHaveTextContent('Parte gatewayiniciando → pronta')
})

test('work and objectives are counted, and lead to their pages', async () => {
  const said: Record<string, unknown> = {
    '/api/v1/plans': {
      items: [plan({ open_tickets: 8 }), plan({ plan_id: 'b', open_tickets: 4 })],
      next: '',
    },
    '/api/v1/tickets': { items: [ticket(), ticket()], next: '' },
    '/api/v1/budgets/summary': { objectives: 4, by_status: { HEALTHY: 2, WARNING: 1, EXHAUSTED: 1 } },
  }
  vi.stubGlobal('fetch', async (request: Request) => Response.json(said[new URL(request.url).pathname]))
  queries.clear()
  show(<OverviewPage />, live(overview()))
  expect(await screen.findByRole('link', { name: /Tickets running 2/ })).toHaveAttribute(
    'href',
    '/plans?status=running',
  )
  expect(screen.getByRole('link', { name: /Tickets waiting 10/ })).toHaveAttribute('href', '/plans')
  expect(await screen.findByRole('link', { name: /Objectives at risk 2 of 4/ })).toBeVisible()
})

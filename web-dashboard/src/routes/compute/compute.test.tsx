import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import type { JobDetail, Overview } from '../../api/types.ts'
import { openApp, problem } from '../../test/app.tsx'
import { me, overview, worker } from '../../test/fixtures.ts'
import { hasEnded, localCount, machineOf, sumOf, workerLook } from './compute.ts'

const LIST = 'GET /api/v1/compute/jobs'
const ONE = 'GET /api/v1/compute/jobs/{job_id}'
const CANCEL = 'DELETE /api/v1/compute/jobs/{job_id}'
const SCALE = 'PUT /api/v1/workers'

const job = (change: Partial<JobDetail> = {}): JobDetail => ({
  id: '01a1fff3',
  name: 'train.py',
  function: '',
  state: 'running',
  worker: 'mouse-0',
  submitted_at: Date.now() / 1000 - 60,
  started_at: Date.now() / 1000 - 30,
  ended_at: 0,
  error: '',
  output: 'epoch 1\n',
  result: null,
  ...change,
})
const answers = (...all: JobDetail[]) => ({
  [LIST]: () => ({ items: all }),
  [ONE]: () => all[0],
  [CANCEL]: () => job({ state: 'cancelled' }),
})

type Compute = Partial<Overview['compute']>

async function open(compute: Compute, ...[known, who, path]: [object?, ReturnType<typeof me>?, string?]) {
  const app = await openApp(path ?? '/compute', { ...answers(), ...known }, who)
  const whole = overview()
  await act(async () => app.socket().say('overview', { ...whole, compute: { ...whole.compute, ...compute } }))
  return app
}

test('workers stand with their machine, state and tasks, and the scheduler with their sums', async () => {
  await open({
    workers: [
      worker({ threads: 2 }),
      worker({ name: 'mouse-0', address: 'tls://10.0.0.2:8790', threads: 4, paused: true, executing: 0 }),
    ],
  })
  const rows = within(await screen.findByRole('table', { name: 'Dask workers' }))
  const mouse = within(rows.getByText('mouse-0').closest('tr') as HTMLElement)
  expect(mouse.getByText('paused')).toBeVisible()
  expect(mouse.getByText('mouse')).toBeVisible()
  expect(rows.getByText('this head')).toBeVisible()
  const scheduler = within(screen.getByRole('region', { name: 'Scheduler' }))
  expect(scheduler.getByText('answers')).toBeVisible()
  expect(scheduler.getByText('6')).toBeVisible()
  expect(scheduler.getByRole('link', { name: /Dask's own dashboard/ })).toHaveAttribute(
    'href',
    '/dask/status',
  )
})

test('a scheduler that is away is told with its reason, and nothing leads to its dashboard', async () => {
  await open({ reachable: false, error: 'connection refused', workers: [], tasks: [] })
  const scheduler = within(await screen.findByRole('region', { name: 'Scheduler' }))
  expect(scheduler.getByText('does not answer')).toBeVisible()
  expect(scheduler.getByText('connection refused')).toBeVisible()
  expect(screen.queryByRole('link', { name: /Dask's own dashboard/ })).not.toBeInTheDocument()
  expect(screen.queryByRole('button', { name: 'Change their number' })).not.toBeInTheDocument()
})

test('without work there are the lines that give some', async () => {
  await open({ tasks: [] })
  expect(await screen.findByText(/No script was handed in/)).toBeVisible()
  expect(screen.getByText('cluster-ai run-example words examples/texts')).toBeVisible()
  expect(await screen.findByText('No tasks')).toBeVisible()
})

test('what a job wrote is shown, and it is ended after a question', async () => {
  const { asked } = await open({}, answers(job()))
  await userEvent.click(await screen.findByRole('button', { name: 'train.py' }))
  const drawer = within(await screen.findByRole('dialog', { name: 'train.py' }))
  expect(await drawer.findByText('epoch 1')).toBeVisible()
  await userEvent.click(drawer.getByRole('button', { name: 'End it' }))
  const question = within(await screen.findByRole('dialog', { name: 'End train.py?' }))
  expect(asked(CANCEL)).toHaveLength(0)
  await userEvent.click(question.getByRole('button', { name: 'End it' }))
  await waitFor(() => expect(asked(CANCEL)[0]?.url.pathname).toBe('/api/v1/compute/jobs/01a1fff3'))
})

test('a job that has ended has its answer and no way to end it', async () => {
  const ended = job({ state: 'succeeded', ended_at: Date.now() / 1000, result: { loss: 0.25 } })
  await open({}, answers(ended), me(), '/compute?job=01a1fff3')
  const drawer = within(await screen.findByRole('dialog', { name: 'train.py' }))
  expect(await drawer.findByText(/"loss": 0.25/)).toBeVisible()
  expect(drawer.queryByRole('button', { name: 'End it' })).not.toBeInTheDocument()
})

test('a job that is forgotten is told as such', async () => {
  await open({}, { [ONE]: () => problem(404, 'not_found', 'no such job') }, me(), '/compute?job=gone')
  expect(await screen.findByText('no such job')).toBeVisible()
})

test('the number of workers is changed, and that some end is said before', async () => {
  const { asked } = await open(
    {
      workers: [
        worker(),
        worker({ name: 'worker-1', address: 'b' }),
        worker({ name: 'mouse-0', address: 'c' }),
      ],
    },
    { [SCALE]: () => ({ workers: 1 }) },
  )
  await userEvent.click(await screen.findByRole('button', { name: 'Change their number' }))
  const dialog = within(await screen.findByRole('dialog'))
  const field = dialog.getByLabelText('Workers in all')
  expect(field).toHaveValue('2')
  expect(dialog.getByRole('button', { name: 'Change' })).toBeDisabled()
  await userEvent.clear(field)
  await userEvent.type(field, '1')
  expect(dialog.getByText(/1 worker ends at once/)).toBeVisible()
  await userEvent.click(dialog.getByRole('button', { name: 'Change' }))
  await waitFor(() => expect(asked(SCALE)[0]?.body).toEqual({ count: 1 }))
})

test('who is refused and what happened is told', async () => {
  await open({
    refused: [{ name: 'old-0', address: '', why: 'python 3.10 instead of 3.11', at: 1 }],
    notices: [
      {
        number: 1,
        at: Date.now() / 1000,
        kind: 'task.erred',
        subject: 'fit',
        detail: 'ValueError',
        count: 3,
      },
      { number: 2, at: Date.now() / 1000, kind: 'of.tomorrow', subject: 'x', detail: '', count: 1 },
    ],
  })
  const panel = within(await screen.findByRole('region', { name: 'What happened lately' }))
  expect(panel.getByText('python 3.10 instead of 3.11')).toBeVisible()
  expect(panel.getByText('3 times')).toBeVisible()
  expect(panel.getByText('of.tomorrow')).toBeVisible()
})

test('who is no operator is asked for no jobs and given no buttons', async () => {
  const { asked } = await open({}, answers(job()), me({ role: 'viewer' }))
  expect(await screen.findByText('Only operators see the scripts')).toBeVisible()
  expect(asked(LIST)).toHaveLength(0)
  expect(screen.queryByRole('button', { name: 'Change their number' })).not.toBeInTheDocument()
})

test('how a worker stands', () => {
  const free = worker({ executing: 0, ready: 0 })
  expect(workerLook(free).word).toBe('worker.free')
  expect(workerLook({ ...free, ready: 1 }).word).toBe('worker.busy')
  expect(workerLook({ ...free, paused: true }).word).toBe('worker.paused')
  expect(workerLook({ ...free, paused: true, last_seen_seconds: 9 }).word).toBe('worker.silent')
})

test('figures of workers and jobs', () => {
  expect(sumOf([worker({ threads: 3 }), worker({ threads: 4 })])).toMatchObject({ threads: 7, executing: 2 })
  expect(sumOf([]).threads).toBe(0)
  expect([machineOf('worker-0'), machineOf('my-box-12'), machineOf('tcp://x')]).toEqual([
    null,
    'my-box',
    null,
  ])
  expect(localCount([worker(), worker({ name: 'mouse-0' })])).toBe(1)
  expect([hasEnded(job()), hasEnded(job({ state: 'lost' }))]).toEqual([false, true])
})

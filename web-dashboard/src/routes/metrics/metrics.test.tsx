import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import type { Recent } from '../../api/types.ts'
import { openApp, problem } from '../../test/app.tsx'
import { CARDS, factsOf, linesOf, type Metric, timesOf } from './metrics.ts'

const RECENT = 'GET /api/v1/metrics/recent'

const series = (metric: Metric, subject: string, ...values: (number | null)[]) => ({
  metric,
  subject,
  values,
})
const recent = (...all: ReturnType<typeof series>[]): Recent => ({
  until: 1_800_000_000,
  step_seconds: 10,
  series: all,
})
const BUSY = recent(
  series('tokens', '', null, 10, 20, 30),
  series('cpu', 'box', 0.1, 0.2, 0.3, 0.5),
  series('memory', 'box', 0.5, 0.5, 0.5, 0.5),
  series('machine_cpu', 'attic', 0.1, 0.1, 0.1, 0.1),
  series('machine_cpu', 'rig', 0.8, 0.9, 0.9, null),
  series('machine_gpu', 'old', null, null, null, null),
)
const region = async (name: string) => within(await screen.findByRole('region', { name }))

test('each figure says in a sentence what is drawn', async () => {
  const { asked } = await openApp('/charts', { [RECENT]: () => BUSY })
  const tokens = await region('Tokens a second')
  expect(tokens.getByText('Now 30; 20 on average, 30 at most.')).toBeVisible()
  const machines = await region('Processors of machines')
  expect(machines.getByText(/^rig: now -; 8\d.*% on average, 90.*% at most/)).toBeVisible()
  expect(screen.queryByRole('region', { name: 'GPUs of machines' })).toBeNull()
  expect(asked(RECENT)[0]?.url.searchParams.get('minutes')).toBe('15')
})

test('how far back and how it is shown stand in the address', async () => {
  const { asked, router } = await openApp('/charts?minutes=60&view=table', { [RECENT]: () => BUSY })
  const machines = await region('Processors of machines')
  const rows = machines.getAllByRole('row').slice(1)
  expect(rows.map((row) => within(row).getByRole('rowheader').textContent)).toEqual(['rig', 'attic'])
  expect(asked(RECENT)[0]?.url.searchParams.get('minutes')).toBe('60')
  await userEvent.click(screen.getByRole('radio', { name: 'Chart' }))
  await userEvent.click(screen.getByRole('radio', { name: '5 min' }))
  await waitFor(() => expect(router.state.location.search).toEqual({ minutes: 5 }))
})

test('a head that has just started says so', async () => {
  await openApp('/charts', { [RECENT]: () => recent() })
  expect(await screen.findByText('Nothing was measured yet.')).toBeVisible()
})

test('an answer that failed can be asked for again', async () => {
  await openApp('/charts', { [RECENT]: () => problem(503, 'unavailable') })
  expect(await screen.findByRole('button', { name: 'Try again' })).toBeVisible()
})

const cardOf = (id: string) => CARDS.find((card) => card.id === id) as (typeof CARDS)[number]

test('lines go by what they are: things by how high they are, parts of one in their order', () => {
  const labels = (id: string) => linesOf(cardOf(id), BUSY, (key) => key).map(({ label }) => label)
  expect(labels('cpu')).toEqual(['rig', 'attic'])
  expect(labels('head')).toEqual(['metrics.cpu', 'metrics.memory'])
  expect(labels('gpu')).toEqual([])
})

test('what a line comes to, and when its points end', () => {
  expect(factsOf([null, 1, 3])).toEqual({ now: 3, mean: 2, most: 3 })
  expect(factsOf([null, null])).toEqual({ now: null, mean: null, most: null })
  expect(timesOf(recent(), 3)).toEqual([1_799_999_980, 1_799_999_990, 1_800_000_000])
})

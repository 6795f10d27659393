import { screen } from '@testing-library/react'
import i18next from 'i18next'
import { queries } from '../../api/session.ts'
import type { Power } from '../../api/types.ts'
import { energy, power } from '../../test/fixtures.ts'
import { show } from '../../test/render.tsx'
import { PowerPanel } from './PowerPanel.tsx'
import { barsOf } from './power.ts'

function answering(told: Power | number) {
  vi.stubGlobal('fetch', async () =>
    typeof told === 'number'
      ? new Response(
          JSON.stringify({ code: 'database_full', status: told, title: 'x', detail: 'the disk is full' }),
          { status: told, headers: { 'Content-Type': 'application/problem+json' } },
        )
      : new Response(JSON.stringify(told), { headers: { 'Content-Type': 'application/json' } }),
  )
}

const MEASURED = power({
  watts: 312.4,
  today: energy({ watt_hours: 250, measured_seconds: 3600 }),
  total: energy({ watt_hours: 1250, measured_seconds: 18_000, tokens_per_watt_hour: 1600 }),
  machines: [{ machine: 'tower', watts: 312.4, energy: energy() }],
  days: [
    { day: '2027-01-01', energy: energy({ watt_hours: 1000, measured_seconds: 14_400 }) },
    { day: '2027-01-03', energy: energy({ watt_hours: 250, measured_seconds: 3600 }) },
  ],
  untold: ['attic'],
})

afterEach(() => {
  queries.clear()
  vi.unstubAllGlobals()
})

test('figures, a bar for each day, and what is in none of them', async () => {
  answering(MEASURED)
  show(<PowerPanel joined={2} />)
  expect(await screen.findByText('312 W')).toBeVisible()
  expect(screen.getByText('1.25 kWh')).toBeVisible()
  expect(screen.getByText('1,600')).toBeVisible()
  const bars = screen.getByLabelText('Energy by day (UTC)').children
  expect(Array.from(bars, (bar) => bar.textContent)).toEqual([
    'Jan 1: 1 kWh in 4 hr measured',
    'Jan 2: not measured',
    'Jan 3: 250 Wh in 1 hr measured',
  ])
  expect(screen.getByText(/do not tell what they draw: attic/)).toBeVisible()
  expect(screen.getByText(/^Measured: 5 hr, of all machines/)).toBeVisible()
})

test('without a price there is no cost, but the way to one', async () => {
  answering(MEASURED)
  show(<PowerPanel joined={2} />)
  expect(await screen.findByText('price_per_kwh')).toBeVisible()
  expect(screen.queryByText('Cost of 3 days')).not.toBeInTheDocument()
})

test('with a price each language writes it its own way', async () => {
  const total = energy({ watt_hours: 1250, cost: 0.625, cost_of_a_million: 0.3125 })
  answering({ ...MEASURED, price_per_kwh: 0.5, currency: 'BRL', total })
  await i18next.changeLanguage('pt-BR')
  show(<PowerPanel joined={2} />)
  expect(await screen.findByText('Custo de 3 dias')).toBeVisible()
  expect(screen.getByText('R$ 0,63')).toBeVisible()
  expect(screen.getByText('1,25 kWh')).toBeVisible()
})

test.each([
  [0, [], /No other machine has joined yet/],
  [1, [], /No machine was heard in these days/],
  [2, ['attic', 'cellar'], /do not tell: attic, cellar\./],
] as const)('nothing to draw says why (%i joined, %j untold)', async (joined, untold, why) => {
  answering(power({ untold: [...untold] }))
  show(<PowerPanel joined={joined} />)
  expect(await screen.findByText('Nothing is known of what machines draw')).toBeVisible()
  expect(screen.getByText(why)).toBeVisible()
  expect(screen.queryByLabelText('Energy by day (UTC)')).not.toBeInTheDocument()
})

test('a refusal is told', async () => {
  answering(507)
  show(<PowerPanel joined={1} />)
  expect(await screen.findByText(/the disk is full/)).toBeVisible()
})

test('bars: the highest day is whole, a day of nothing is one of no height, one that nobody measured is none', () => {
  const days = [
    { day: '2027-02-28', energy: energy({ watt_hours: 50 }) },
    { day: '2027-03-01', energy: energy({ watt_hours: 0, measured_seconds: 9 }) },
    { day: '2027-03-03', energy: energy({ watt_hours: 100 }) },
  ]
  const bars = barsOf(power({ first: '2027-02-27', last: '2027-03-03', days }))
  expect(bars.map((bar) => [bar.day, bar.share, bar.energy !== undefined])).toEqual([
    ['2027-02-27', 0, false],
    ['2027-02-28', 0.5, true],
    ['2027-03-01', 0, true],
    ['2027-03-02', 0, false],
    ['2027-03-03', 1, true],
  ])
  const still = [{ day: '2027-01-01', energy: energy() }]
  expect(barsOf(power({ last: '2027-01-01', days: still })).map((bar) => bar.share)).toEqual([0])
})

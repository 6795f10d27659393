import { screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import i18next from 'i18next'
import { queries } from '../../api/session.ts'
import type { LogCounts, LogLine, LogPage } from '../../api/types.ts'
import { formatOf } from '../../i18n/format.ts'
import { moment } from '../../i18n/moment.ts'
import { show } from '../../test/render.tsx'
import { LogsView } from './LogsView.tsx'
import { barsOf, isPartial, joined, levelOf, withLevel } from './logs.ts'

const line = (number: number, change: Partial<LogLine> = {}): LogLine => ({
  number,
  at: 1_800_000_000 + number,
  level: 'info',
  part: 'gateway',
  node: 'box',
  text: `line ${number}`,
  fields: {},
  ...change,
})
const KEPT = { lines: 12, bytes: 4096, oldest: 1, behind_bytes: 0, lost_bytes: 0 }
const page = (change: Partial<LogPage> = {}): LogPage => ({
  items: [line(2), line(1)],
  next: null,
  kept: KEPT,
  ...change,
})
const COUNTS: LogCounts = {
  first: 1_800_000_000,
  step_seconds: 60,
  steps: 3,
  items: [
    { at: 1_800_000_000, lines: 4, warnings: 1, errors: 1 },
    { at: 1_800_000_120, lines: 2, warnings: 0, errors: 0 },
  ],
}

type Said = LogPage | { status: number; code: string; detail: string; hint?: string }

/** Answers searches one after the other, the last one for ever; the addresses that were asked. */
function answering(...pages: Said[]) {
  const asked: URL[] = []
  vi.stubGlobal('fetch', async (request: Request) => {
    const url = new URL(request.url)
    if (url.pathname.endsWith('/counts')) return Response.json(COUNTS)
    asked.push(url)
    const said = (pages.length > 1 ? pages.shift() : pages[0]) as Said
    if (!('code' in said)) return Response.json(said)
    return Response.json({ type: 'about:blank', title: 'x', ...said }, { status: said.status })
  })
  return asked
}

const view = (asked = '', onAsk: (asked: string) => void = () => {}) =>
  show(<LogsView asked={asked} onAsk={onAsk} />)

beforeEach(() => queries.clear())

test('lines open to what else they say', async () => {
  answering(
    page({
      items: [
        line(1, { level: 'warning', text: 'call broken', fields: { status: 500, tried: { n1: 'refused' } } }),
      ],
    }),
  )
  view()
  const list = await screen.findByRole('list', { name: 'Lines' })
  expect(within(list).getByText('call broken', { exact: false, selector: 'span' })).toHaveTextContent(
    'status=500',
  )
  expect(within(list).getByText('warning')).toBeInTheDocument()
  await userEvent.click(within(list).getByText(/^call broken/))
  expect(within(list).getByText('500')).toBeVisible()
  expect(within(list).getByText('{"n1":"refused"}')).toBeVisible()
  expect(screen.getByText('12 lines are kept')).toBeInTheDocument()
})

test('the bars say in words what they show', async () => {
  answering(page())
  view()
  expect(await screen.findByText('6 lines, 1 warnings, 1 errors; a bar is 1 min')).toBeInTheDocument()
  expect(screen.getByRole('list', { name: 'How much was logged' }).children).toHaveLength(3)
})

test('loading, nothing at all, and nothing that meets the search are three things', async () => {
  answering(page({ items: [], kept: { ...KEPT, lines: 0 } }))
  const first = view()
  expect(screen.getByText('Looking into the logs')).toBeInTheDocument()
  expect(await screen.findByText('Nothing was logged yet')).toBeInTheDocument()
  first.unmount()
  queries.clear()
  answering(page({ items: [] }))
  view('nowhere')
  expect(await screen.findByText('No line meets this search')).toBeInTheDocument()
})

test('a search that cannot be read is refused in words, also in another language', async () => {
  const refused = {
    status: 422,
    code: 'bad_log_query',
    detail: 'there is no filter user:',
    hint: 'filters: level',
  }
  answering(refused)
  const first = view('user:me')
  expect(await screen.findByRole('alert')).toHaveTextContent('there is no filter user:')
  first.unmount()
  queries.clear()
  await i18next.changeLanguage('pt-BR')
  answering(refused)
  view('user:me')
  expect(await screen.findByRole('alert')).toHaveTextContent('Essa busca não pode ser lida')
})

test('a store that misses something says how much', async () => {
  answering(page({ kept: { ...KEPT, lost_bytes: 2048 } }))
  view()
  expect(await screen.findByText(/2 KiB were never collected/)).toBeInTheDocument()
  expect(isPartial({ ...KEPT, behind_bytes: 1000 })).toBe(false)
  expect(isPartial({ ...KEPT, behind_bytes: 2 ** 21 })).toBe(true)
})

test('lines stay when the cluster goes away, and say how old they are', async () => {
  answering(page(), { status: 503, code: 'unavailable', detail: 'gone' })
  view()
  expect(await screen.findByText('line 2')).toBeInTheDocument()
  await queries.refetchQueries({ queryKey: ['logs'] })
  expect(await screen.findByText(/The cluster does not answer. These lines are from/)).toBeInTheDocument()
  expect(screen.getByText('line 2')).toBeInTheDocument()
})

test('older lines are fetched from where the page ends', async () => {
  const asked = answering(
    page({ items: [line(9), line(8)], next: 8 }),
    page({ items: [line(7)], next: null }),
  )
  view('call')
  await userEvent.click(await screen.findByRole('button', { name: 'Show older lines' }))
  expect(await screen.findByText('line 7')).toBeInTheDocument()
  expect(
    asked.some((url) => url.searchParams.get('before') === '8' && url.searchParams.get('q') === 'call'),
  ).toBe(true)
  expect(screen.queryByRole('button', { name: 'Show older lines' })).not.toBeInTheDocument()
})

test('a search is asked for with Enter, and a level by choosing one', async () => {
  answering(page())
  const onAsk = vi.fn()
  view('call', onAsk)
  await userEvent.type(screen.getByLabelText('Words to look for'), ' broken{Enter}')
  expect(onAsk).toHaveBeenLastCalledWith('call broken')
  await userEvent.selectOptions(screen.getByLabelText('Level'), 'error')
  expect(onAsk).toHaveBeenLastCalledWith('call broken level:error')
})

test('pure pieces', () => {
  expect(barsOf(COUNTS).map((bar) => [bar.lines, bar.share, bar.bad])).toEqual([
    [4, 1, 0.5],
    [0, 0, 0],
    [2, 0.5, 0],
  ])
  expect(joined([line(5), line(4)], [line(4), line(3)]).map((one) => one.number)).toEqual([5, 4, 3])
  expect(joined([], [line(3)])).toHaveLength(1)
  expect(withLevel('a level:info b', 'error')).toBe('a b level:error')
  expect(withLevel('level:info', '')).toBe('')
  expect(levelOf('x level:WARNING')).toBe('warning')
  expect(levelOf('level:loud')).toBe('')
  const format = formatOf('en')
  expect(moment(format, 1_800_000_000, 1_800_000_060)).toBe(format.time(1_800_000_000))
  expect(moment(format, 1_800_000_000, 1_800_200_000)).toMatch(/Jan/)
})

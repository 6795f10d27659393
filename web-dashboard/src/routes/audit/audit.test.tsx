import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import type { AuditEntry } from '../../api/types.ts'
import { type Call, openApp, problem } from '../../test/app.tsx'
import { me } from '../../test/fixtures.ts'
import { NOTHING_ASKED, queryOf } from './audit.ts'

const LIST = 'GET /api/v1/audit'

const entry = (number: number): AuditEntry => ({
  number,
  at: 1_800_000_000 + number,
  actor: 'ana',
  action: 'create_key',
  subject: `key-${number}`,
  outcome: 'done',
  address: '10.0.0.2',
  previous: '',
  hash: 'x',
})

test('who did what is listed, and the whole log can be taken away', async () => {
  await openApp('/audit', { [LIST]: () => ({ items: [entry(2), entry(1)], broken: '' }) })
  const table = within(await screen.findByRole('table', { name: 'Entries' }))
  expect(table.getByText('key-2')).toBeVisible()
  expect(screen.getByRole('link', { name: 'Export all of it' })).toHaveAttribute(
    'href',
    '/api/v1/audit/export',
  )
  expect(screen.queryByRole('alert')).not.toBeInTheDocument()
})

test('a broken chain is said above all', async () => {
  const broken = 'the audit log was tampered with at entry 7'
  await openApp('/audit', { [LIST]: () => ({ items: [entry(1)], broken }) })
  expect(await screen.findByRole('alert')).toHaveTextContent(broken)
})

test('what is typed narrows the list', async () => {
  const { asked } = await openApp('/audit', { [LIST]: () => ({ items: [], broken: '' }) })
  expect(await screen.findByText('No such entry')).toBeVisible()
  await userEvent.type(screen.getByLabelText('Who'), ' ana ')
  await userEvent.click(screen.getByRole('button', { name: 'Show' }))
  await waitFor(() => expect(asked(LIST)).toHaveLength(2))
  expect(Object.fromEntries(asked(LIST)[1]?.url.searchParams ?? [])).toEqual({ actor: 'ana', limit: '100' })
})

test('moments go as Unix seconds', () => {
  expect(queryOf(NOTHING_ASKED)).toEqual({})
  const since = '2026-11-22T14:30'
  expect(queryOf({ ...NOTHING_ASKED, since })).toEqual({ since: new Date(since).getTime() / 1000 })
})

test('more entries follow below the last that is shown', async () => {
  const page = ({ url }: Call) => {
    const before = Number(url.searchParams.get('before') ?? 121)
    const first = Math.max(1, before - 100)
    const numbers = Array.from({ length: before - first }, (_, index) => before - 1 - index)
    return { items: numbers.map(entry), broken: '' }
  }
  const { asked } = await openApp('/audit', { [LIST]: page })
  const panel = within(await screen.findByRole('region', { name: 'Entries' }))
  await userEvent.click(await panel.findByRole('button', { name: 'More' }))
  await waitFor(() => expect(asked(LIST)).toHaveLength(2))
  expect(asked(LIST)[1]?.url.searchParams.get('before')).toBe('21')
  await waitFor(() => expect(panel.queryByRole('button', { name: 'More' })).not.toBeInTheDocument())
})

test('an answer that failed can be asked for again', async () => {
  await openApp('/audit', { [LIST]: () => problem(403, 'forbidden') }, me({ role: 'operator' }))
  expect(await screen.findByRole('button', { name: 'Try again' })).toBeVisible()
  expect(screen.queryByRole('link', { name: 'Audit' })).not.toBeInTheDocument()
})

import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import i18next from 'i18next'
import type { Setting } from '../../api/types.ts'
import { openApp, problem } from '../../test/app.tsx'
import { me } from '../../test/fixtures.ts'
import { fits, read } from './configuration.ts'

const ALL = 'GET /api/v1/settings'
const TLS = 'GET /api/v1/settings/tls'
const WRITE = 'PATCH /api/v1/settings'

const setting = (name: string, given: Partial<Setting> = {}): Setting => ({
  name,
  value: null,
  written: null,
  default: null,
  source: 'default',
  meaning: `What ${name} means.`,
  secret: false,
  taken_up: 'restart',
  changed: false,
  kind: 'text',
  choices: [],
  optional: false,
  locked: '',
  ...given,
})

const QUEUE = setting('gateway.queue_length', {
  value: 256,
  written: 256,
  default: 256,
  kind: 'integer',
  taken_up: 'reload',
})
const items: readonly Setting[] = [
  setting('name', { value: 'attic', written: 'cellar', default: 'home', source: 'file', changed: true }),
  setting('lang', { kind: 'choice', choices: ['en', 'pt-BR'], optional: true }),
  QUEUE,
  setting('gateway.resume', { kind: 'switch', value: false, written: false, default: false }),
  setting('gateway.aliases', {
    kind: 'table',
    value: {},
    written: { small: ['tiny'] },
    default: {},
    source: 'file',
  }),
  setting('logs.loki_token', { secret: true, value: '***', written: '***', source: 'file', optional: true }),
  setting('executors.sandbox', { value: 'auto', written: 'auto', locked: 'machine' }),
]
const told = { file: '/home/ann/cluster-ai/config.toml', readable: true, revision: 'abc', items }
const certificate = {
  name: 'attic',
  fingerprint: 'ab12',
  not_after: 1_800_000_000,
  names: ['localhost'],
  due: false,
}
const answers = {
  [ALL]: () => told,
  [TLS]: () => ({ cluster_id: 'x', authority: certificate, certificate: { ...certificate, due: true } }),
  [WRITE]: () => told,
}

const row = async (name: string) =>
  within((await screen.findByText(name, { selector: 'code' })).closest('tr') as HTMLElement)
const change = async (name: string) => {
  await userEvent.click((await row(name)).getByRole('button', { name: `Change ${name}` }))
  return within(await screen.findByRole('dialog'))
}

afterEach(() => i18next.changeLanguage('en'))

test('each setting says what it is, what it means and who said it', async () => {
  await openApp('/configuration', answers)
  const name = await row('name')
  expect(name.getByText('cellar')).toBeVisible()
  expect(name.getByText('What name means.')).toBeVisible()
  expect(name.getByText('config.toml')).toBeVisible()
  expect(name.getByText('after a restart')).toBeVisible()
  expect(screen.getByText(/1 setting waits for/)).toBeVisible()
  const locked = await row('executors.sandbox')
  expect(locked.getByText('Changed at the machine only')).toBeVisible()
  expect(locked.queryByRole('button')).toBeNull()
})

test('one is written with the revision that was seen, as the kind that it is', async () => {
  const { asked } = await openApp('/configuration', answers)
  const dialog = await change('gateway.queue_length')
  const field = dialog.getByLabelText('Value')
  await userEvent.clear(field)
  await userEvent.type(field, 'many')
  expect(dialog.getByText('A whole number, please.')).toBeVisible()
  expect(dialog.getByRole('button', { name: 'Write' })).toBeDisabled()
  await userEvent.clear(field)
  await userEvent.type(field, '64')
  await userEvent.click(dialog.getByRole('button', { name: 'Write' }))
  await waitFor(() => expect(asked(WRITE)).toHaveLength(1))
  expect(asked(WRITE)[0]?.body).toEqual({ changes: { 'gateway.queue_length': 64 } })
  expect(await screen.findByText('gateway.queue_length is in force.')).toBeVisible()
})

test('one that was written goes back to what it is by itself', async () => {
  const { asked } = await openApp('/configuration', answers)
  const dialog = await change('gateway.aliases')
  expect(dialog.getByLabelText('Value')).toHaveValue('{\n  "small": [\n    "tiny"\n  ]\n}')
  await userEvent.click(dialog.getByRole('button', { name: 'Back to that' }))
  await waitFor(() => expect(asked(WRITE)[0]?.body).toEqual({ changes: { 'gateway.aliases': null } }))
})

test('a secret is never shown, and stars are not sent back', async () => {
  const { asked } = await openApp('/configuration', answers)
  const dialog = await change('logs.loki_token')
  const field = dialog.getByLabelText('Value')
  expect(field).toHaveValue('')
  expect(field).toHaveAttribute('type', 'password')
  expect(dialog.getByRole('button', { name: 'Write' })).toBeDisabled()
  await userEvent.type(field, 'fresh-token')
  await userEvent.click(dialog.getByRole('button', { name: 'Write' }))
  await waitFor(() =>
    expect(asked(WRITE)[0]?.body).toEqual({ changes: { 'logs.loki_token': 'fresh-token' } }),
  )
})

test('what is refused stays in its field, with the reason', async () => {
  const refusal = () =>
    problem(422, 'invalid_input', 'a setting is wrong: name: must have at least 1 character')
  await openApp('/configuration', { ...answers, [WRITE]: refusal })
  const dialog = await change('name')
  await userEvent.type(dialog.getByLabelText('Value'), 'x')
  await userEvent.click(dialog.getByRole('button', { name: 'Write' }))
  expect(await dialog.findByText(/at least 1 character/)).toBeVisible()
  expect(dialog.getByLabelText('Value')).toHaveValue('cellarx')
})

test('the list is narrowed in the address, by name or meaning', async () => {
  const { router } = await openApp('/configuration?only=changed', answers)
  await row('name')
  expect(screen.queryByText('lang', { selector: 'code' })).toBeNull()
  await userEvent.type(screen.getByLabelText('Name or meaning'), 'alias')
  await waitFor(() => expect(screen.queryByText('name', { selector: 'code' })).toBeNull())
  expect(router.state.location.search).toEqual({ q: 'alias', only: 'changed' })
})

test('what settings mean is told in Portuguese', async () => {
  await openApp('/configuration', answers)
  await row('name')
  await i18next.changeLanguage('pt-BR')
  expect(await screen.findByText('Nome do cluster, mostrado às pessoas.')).toBeVisible()
})

test('certificates say until when they are good', async () => {
  await openApp('/configuration', answers)
  const panel = within(await screen.findByRole('region', { name: 'Certificates' }))
  expect(await panel.findByText('renewed at the next start')).toBeVisible()
  expect(panel.getAllByText('ab12')).toHaveLength(2)
})

test('a head without any says how they come', async () => {
  await openApp('/configuration', {
    ...answers,
    [TLS]: () => ({ cluster_id: '', authority: null, certificate: null }),
  })
  expect(await screen.findByText('cluster-ai node open')).toBeVisible()
})

test('a file that a start would refuse is told', async () => {
  await openApp('/configuration', { ...answers, [ALL]: () => ({ ...told, readable: false }) })
  expect(await screen.findByText(/A start would refuse/)).toBeVisible()
})

test('who is no administrator asks for nothing', async () => {
  const { asked } = await openApp('/configuration', answers, me({ role: 'operator' }))
  expect(await screen.findByText('Only administrators see the settings of the cluster.')).toBeVisible()
  expect(asked(ALL)).toHaveLength(0)
})

test.each([
  ['integer', '64', 64],
  ['integer', '6.5', undefined],
  ['number', '6.5', 6.5],
  ['number', '', undefined],
  ['switch', 'true', true],
  ['text', ' a ', ' a '],
  ['list', '["a"]', ['a']],
  ['list', '{}', undefined],
  ['table', '[]', undefined],
  ['table', 'null', undefined],
  ['table', '{"a": ["b"]}', { a: ['b'] }],
] as const)('a %s typed as %s', (kind, typed, value) => {
  expect(read(setting('x', { kind }), typed)).toEqual(value)
})

test('nothing typed is no value where there need be none', () => {
  expect(read(setting('x', { kind: 'integer', optional: true }), ' ')).toBeNull()
  expect(fits(QUEUE, 'Calls that may wait', 'MAY wait')).toBe(true)
})

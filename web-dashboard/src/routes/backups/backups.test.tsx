import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import type { Backup } from '../../api/types.ts'
import { openApp, problem } from '../../test/app.tsx'
import { me } from '../../test/fixtures.ts'
import { newestProven, nextAt } from './backups.ts'

const SETTINGS = 'GET /api/v1/settings'
const WRITE = 'PATCH /api/v1/settings'
const LIST = 'GET /api/v1/backups'
const MAKE = 'POST /api/v1/backups'
const VERIFY = 'POST /api/v1/backups/{backup}/verify'
const REMOVE = 'DELETE /api/v1/backups/{backup}'

const backup = (change: Partial<Backup> = {}): Backup => ({
  name: 'a.cabackup',
  made_at: Date.now() / 1000 - 3600,
  size: 2_097_152,
  verified: true,
  reason: '',
  ...change,
})
const older = backup({
  name: 'b.cabackup',
  made_at: Date.now() / 1000 - 7200,
  verified: false,
  reason: 'the database is not whole',
})

const setting = (name: string, written: number, value = written) => ({
  name: `backup.${name}`,
  value,
  written,
  default: 0,
  source: 'file',
  meaning: `What ${name} means.`,
  secret: false,
  taken_up: 'restart',
  changed: value !== written,
  kind: 'number',
  choices: [],
  optional: false,
  locked: '',
})
const settings = (...items: ReturnType<typeof setting>[]) => ({
  file: 'c',
  readable: true,
  revision: 'abc',
  items,
})
const KEPT = [setting('keep_newest', 7), setting('keep_daily', 5), setting('keep_weekly', 4)]
const answers = (...all: Backup[]) => ({
  [SETTINGS]: () => settings(setting('every_hours', 0), ...KEPT),
  [WRITE]: () => settings(setting('every_hours', 24, 0), ...KEPT),
  [LIST]: () => ({ items: all }),
  [MAKE]: () => backup({ name: 'new.cabackup' }),
  [VERIFY]: () => backup(),
  [REMOVE]: () => new Response(null, { status: 204 }),
})
const schedule = async () => within(await screen.findByRole('region', { name: 'Schedule' }))

test('when one is made by itself is said, and changed', async () => {
  const { asked } = await openApp('/backups', answers(backup()))
  const panel = await schedule()
  expect(await panel.findByText('One is made only when somebody asks.')).toBeVisible()
  await userEvent.click(panel.getByRole('button', { name: 'How often' }))
  const dialog = within(await screen.findByRole('dialog'))
  await userEvent.clear(dialog.getByLabelText('Value'))
  await userEvent.type(dialog.getByLabelText('Value'), '24')
  await userEvent.click(dialog.getByRole('button', { name: 'Write' }))
  await waitFor(() => expect(asked(WRITE)[0]?.body).toEqual({ changes: { 'backup.every_hours': 24 } }))
})

test('the next stands there, and what waits for a restart', async () => {
  const made_at = Date.now() / 1000 - 3600
  await openApp('/backups', {
    ...answers(backup({ made_at })),
    [SETTINGS]: () => settings(setting('every_hours', 12, 24), ...KEPT),
  })
  const panel = await schedule()
  expect(await panel.findByText(/^in 2[23] h/)).toBeVisible()
  expect(panel.getByText('after a restart')).toBeVisible()
  expect(nextAt([], 24)).toBeNull()
})

const table = async () => within(await screen.findByRole('table', { name: 'Backups that are kept' }))

test('each backup is there with its state, why it is not proven, and its file', async () => {
  await openApp('/backups', answers(backup(), older))
  const rows = await table()
  expect(rows.getByText('proven')).toBeVisible()
  expect(rows.getByText('not proven')).toBeVisible()
  expect(rows.getByText('the database is not whole')).toBeVisible()
  expect(rows.getByRole('link', { name: 'Download a.cabackup' })).toHaveAttribute(
    'href',
    '/api/v1/backups/a.cabackup/file',
  )
})

test('the command to restore names the newest that is proven', async () => {
  await openApp('/backups', answers(older, backup()))
  expect(await screen.findByText('cluster-ai backup restore a.cabackup --stop')).toBeVisible()
  expect(screen.getByText(/secrets\/backup\.key/)).toBeVisible()
})

test('backups of which none is proven are not to be counted on', async () => {
  await openApp('/backups', answers(older))
  expect(await screen.findByText(/do not count on them/)).toBeVisible()
  expect(screen.getByText('cluster-ai backup restore FILE --stop')).toBeVisible()
})

test('one is made: that it goes on is said, then its name, and the list is asked for again', async () => {
  let finish = (_: Backup) => {}
  const made = new Promise<Backup>((resolve) => {
    finish = resolve
  })
  const { asked } = await openApp('/backups', {
    ...answers(),
    [MAKE]: () =>
      new Response(
        new ReadableStream({
          async start(controller) {
            controller.enqueue(new TextEncoder().encode(JSON.stringify(await made)))
            controller.close()
          },
        }),
        { status: 201, headers: { 'content-type': 'application/json' } },
      ),
  })
  expect(await screen.findByText('No backup yet')).toBeVisible()
  await userEvent.click(screen.getByRole('button', { name: 'Make one now' }))
  expect(await screen.findByText(/is being made/)).toBeVisible()
  finish(backup({ name: 'new.cabackup' }))
  expect(await screen.findByText(/new\.cabackup was made/)).toBeVisible()
  await waitFor(() => expect(asked(LIST)).toHaveLength(2))
  expect(screen.queryByText(/is being made/)).not.toBeInTheDocument()
})

test('a refusal to make one says why, and the list is looked at again', async () => {
  const { asked } = await openApp('/backups', {
    ...answers(backup()),
    [MAKE]: () => problem(409, 'database_elsewhere', 'the database is outside the data directory'),
  })
  await userEvent.click(await screen.findByRole('button', { name: 'Make one now' }))
  expect(await screen.findByRole('alert')).toHaveTextContent('outside the data directory')
  await waitFor(() => expect(asked(LIST)).toHaveLength(2))
})

test('one is verified again, and what is wrong stands in its row', async () => {
  await openApp('/backups', {
    ...answers(backup()),
    [VERIFY]: () => problem(409, 'backup_corrupt', 'the backup is damaged'),
  })
  await userEvent.click(await screen.findByRole('button', { name: 'Verify a.cabackup' }))
  expect(within(await screen.findByRole('table')).getByRole('alert')).toHaveTextContent('damaged')
})

test('one is deleted only when its name is typed', async () => {
  const { asked } = await openApp('/backups', answers(backup()))
  await userEvent.click(await screen.findByRole('button', { name: 'Delete a.cabackup' }))
  const dialog = within(await screen.findByRole('dialog'))
  expect(dialog.getByRole('button', { name: 'Delete' })).toBeDisabled()
  await userEvent.type(dialog.getByLabelText('Type a.cabackup to confirm'), 'a.cabackup')
  await userEvent.click(dialog.getByRole('button', { name: 'Delete' }))
  await waitFor(() => expect(asked(REMOVE)).toHaveLength(1))
  expect(asked(REMOVE)[0]?.url.pathname).toBe('/api/v1/backups/a.cabackup')
})

test('who deletes the only one that is proven is told so', async () => {
  await openApp('/backups', answers(backup(), older))
  await userEvent.click(await screen.findByRole('button', { name: 'Delete a.cabackup' }))
  expect(await screen.findByText(/the only one that is proven/)).toBeVisible()
  await userEvent.click(screen.getByRole('button', { name: 'Cancel' }))
  await userEvent.click(await screen.findByRole('button', { name: 'Delete b.cabackup' }))
  expect(await screen.findByText(/The others stay/)).toBeVisible()
})

test('an answer that failed can be asked for again', async () => {
  await openApp('/backups', { ...answers(), [LIST]: () => problem(503, 'backup_folder') })
  expect(await screen.findByRole('button', { name: 'Try again' })).toBeVisible()
})

test('only administrators are led here, and others are shown none', async () => {
  const { asked } = await openApp('/backups', answers(backup()), me({ role: 'operator' }))
  expect(await screen.findByText('Only administrators see the backups')).toBeVisible()
  expect(screen.queryByRole('link', { name: 'Backups' })).not.toBeInTheDocument()
  expect(screen.queryByRole('button', { name: 'Make one now' })).not.toBeInTheDocument()
  expect(asked(LIST)).toHaveLength(0)
})

test('the newest that is proven, whatever order they come in', () => {
  expect(newestProven([])).toBeUndefined()
  expect(newestProven([older])).toBeUndefined()
  const [first, last] = [backup({ name: 'x', made_at: 1 }), backup({ name: 'y', made_at: 2 })]
  expect(newestProven([first, last, older])).toBe(last)
  expect(newestProven([last, first])).toBe(last)
})

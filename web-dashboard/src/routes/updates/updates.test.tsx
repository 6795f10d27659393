import { screen, within } from '@testing-library/react'
import type { Updates } from '../../api/types.ts'
import { openApp, problem } from '../../test/app.tsx'
import { stepsOf } from './StepsPanel.tsx'
import { others, standOf } from './updates.ts'

const LOOK = 'GET /api/v1/program/updates'

const view = (change: Partial<Updates> = {}): Updates => ({
  version: '0.1.0',
  current: '0.1.0-aaaa',
  installed: true,
  versions: ['0.1.0-aaaa'],
  configured: true,
  checked_at: Date.now() / 1000 - 60,
  available: null,
  problem: '',
  going_on: false,
  last: null,
  ...change,
})
const offer = { name: '0.2.0-bbbb', version: '0.2.0', size: 52_428_800, failed: false }
const open = (change: Partial<Updates> = {}) => openApp('/updates', { [LOOK]: () => view(change) })

test('a newer version is told with its size and the line that applies it', async () => {
  await open({ available: offer })
  expect(await screen.findByText('newer version there')).toBeVisible()
  expect(screen.getByText('0.2.0')).toBeVisible()
  expect(screen.getByText('50 MiB')).toBeVisible()
  expect(screen.getByText('cluster-ai update apply')).toBeVisible()
  expect(screen.getByText('No update was tried here')).toBeVisible()
})

test('how the last one went is told with its reason and its backup', async () => {
  await open({
    versions: ['0.1.0-aaaa', '0.2.0-bbbb'],
    available: { ...offer, failed: true },
    last: {
      name: '0.2.0-bbbb',
      before: '0.1.0-aaaa',
      at: 1_800_000_000,
      result: 'rolled_back',
      reason: 'backend was not ready after 60 s',
      backup: 'before.cabackup',
      database_restored: true,
    },
  })
  const last = within(await screen.findByRole('region', { name: 'How the last update went' }))
  expect(last.getByText('taken back')).toBeVisible()
  expect(last.getByText('backend was not ready after 60 s')).toBeVisible()
  expect(last.getByText('before.cabackup')).toBeVisible()
  expect(last.getByText(/database was put back/)).toBeVisible()
  expect(screen.getByText('tried, did not stay')).toBeVisible()
  expect(screen.getByText('cluster-ai update rollback')).toBeVisible()
})

test('a checkout is led to its own way, and to none of an installed head', async () => {
  await open({ installed: false, current: '', versions: [], configured: false, checked_at: null })
  expect(await screen.findByText('a checkout')).toBeVisible()
  expect(screen.getByText('git pull && ./manager.sh restart')).toBeVisible()
  expect(screen.queryByText(/update apply/)).not.toBeInTheDocument()
})

test('why the source could not be looked at is told', async () => {
  await open({ problem: 'files.example.org does not answer' })
  expect(await screen.findByText('could not look')).toBeVisible()
  expect(screen.getByText('files.example.org does not answer')).toBeVisible()
})

test('an answer that failed can be asked for again', async () => {
  await openApp('/updates', {
    [LOOK]: () => problem(422, 'unsupported', 'this API knows nothing of updates'),
  })
  expect(await screen.findByRole('button', { name: 'Try again' })).toBeVisible()
})

test.each([
  [{}, 'newest'],
  [{ checked_at: null }, 'not_looked'],
  [{ configured: false }, 'no_source'],
  [{ available: offer }, 'offer'],
  [{ available: offer, going_on: true }, 'going_on'],
  [{ available: offer, problem: 'later it could not be reached' }, 'offer'],
  [{ installed: false }, 'checkout'],
] as const)('%o stands as %s', (change, stand) => {
  expect(standOf(view(change))).toBe(stand)
})

test('the lines are those that make sense', () => {
  const lines = (change: Partial<Updates>) => stepsOf(view(change)).map(([, line]) => line)
  expect(lines({})).toEqual(['cluster-ai update check', 'cluster-ai update apply'])
  expect(lines({ configured: false })).toEqual([
    'cluster-ai update check new.tar',
    'cluster-ai update apply new.tar',
  ])
  expect(lines({ versions: ['0.0.9-x', '0.1.0-aaaa'] })).toContain('cluster-ai update rollback')
  expect(lines({ going_on: true })).toEqual(['cluster-ai update finish'])
  expect(others({ versions: ['a', 'b'], current: 'b' })).toEqual(['a'])
})

import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import type { DoctorFound, Finding } from '../../api/types.ts'
import { openApp, problem } from '../../test/app.tsx'
import { me } from '../../test/fixtures.ts'
import { canMend, having, lineOf } from './doctor.ts'

const LOOK = 'GET /api/v1/program/doctor'

const finding = (change: Partial<Finding> = {}): Finding => ({
  id: 'home',
  verdict: 'ok',
  evidence: '/home/ana/.cluster-ai',
  hint: '',
  code: '',
  command: '',
  fix: '',
  ...change,
})
const openSecret = finding({
  id: 'secrets',
  verdict: 'problem',
  evidence: 'others may read internal.token',
  hint: 'chmod 600 internal.token',
  code: 'secret_open',
  command: 'chmod 600 internal.token',
  fix: 'safe',
})
const disk = finding({
  id: 'disk',
  verdict: 'warning',
  evidence: '1 GiB free',
  hint: 'free some space',
  code: 'disk_short',
  fix: 'by hand',
})
const view = (...checks: Finding[]): DoctorFound => ({
  at: Date.now() / 1000,
  took: 0.7,
  version: '0.1.0',
  python: '3.11.2',
  system: 'Linux',
  checks,
})

test('findings stand by how bad they are, with what was seen, the line that mends them and who does', async () => {
  await openApp('/doctor', { [LOOK]: () => view(finding(), disk, openSecret) })
  const problems = within(await screen.findByRole('region', { name: 'Problems' }))
  expect(problems.getByText('others may read internal.token')).toBeVisible()
  expect(problems.getAllByText('chmod 600 internal.token')).toHaveLength(1)
  expect(problems.getByText(/mended by doctor --fix safe/)).toBeVisible()
  const warnings = within(screen.getByRole('region', { name: 'Warnings' }))
  expect(warnings.getByText('free some space')).toBeVisible()
  expect(warnings.queryByRole('button', { name: 'Copy' })).not.toBeInTheDocument()
  expect(screen.getByText('1 problem · 1 warning')).toBeVisible()
  expect(screen.getByText('cluster-ai doctor --fix safe')).toBeVisible()
  expect(within(screen.getByRole('region', { name: 'What is well' })).getByText('home')).toBeVisible()
})

test('all is well', async () => {
  await openApp('/doctor', { [LOOK]: () => view(finding()) })
  expect(await screen.findByText('All is well.')).toBeVisible()
  expect(screen.queryByRole('region', { name: 'Problems' })).not.toBeInTheDocument()
  expect(screen.queryByText('cluster-ai doctor --fix safe')).not.toBeInTheDocument()
})

test('it is looked at again when asked, in the language of the reader', async () => {
  const { asked } = await openApp('/doctor', { [LOOK]: () => view(finding()) })
  await userEvent.click(await screen.findByRole('button', { name: 'Look again' }))
  await waitFor(() => expect(asked(LOOK)).toHaveLength(2))
  expect(asked(LOOK)[0]?.url.searchParams.get('lang')).toBe('en')
})

test('a doctor that does not answer is told, and can be asked again', async () => {
  await openApp('/doctor', { [LOOK]: () => problem(503, 'doctor_silent', 'it did not end within 30 s') })
  expect(await screen.findByRole('alert')).toHaveTextContent('did not end within 30 s')
  expect(screen.getByRole('button', { name: 'Try again' })).toBeVisible()
})

test('who is no operator is shown none, and none is asked for', async () => {
  const { asked } = await openApp('/doctor', { [LOOK]: () => view(openSecret) }, me({ role: 'user' }))
  expect(await screen.findByText('Only operators see the findings')).toBeVisible()
  expect(asked(LOOK)).toHaveLength(0)
  expect(screen.queryByRole('link', { name: 'Doctor' })).not.toBeInTheDocument()
})

test('the line to copy is what mends it, or a hint that is a line', () => {
  expect(lineOf({ command: 'a', hint: 'b' })).toBe('a')
  expect(lineOf({ command: '', hint: 'cluster-ai logs gateway' })).toBe('cluster-ai logs gateway')
  expect(lineOf({ command: '', hint: 'free some space' })).toBe('')
  expect([canMend([disk]), canMend([disk, openSecret])]).toEqual([false, true])
  expect(having('ok', [disk, finding()])).toHaveLength(1)
})

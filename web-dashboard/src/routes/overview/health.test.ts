import { node, overview } from '../../test/fixtures.ts'
import { troubleOf, verdictOf } from './health.ts'

const troubled = (problems: string[], change = {}) =>
  overview({ system: { ...overview().system, problems }, ...change })

test('without problems everything works', () => {
  expect(verdictOf(overview())).toEqual({ tone: 'ok', troubles: [], serves: true })
})

test('a cluster that still answers warns, one that does not alarms', () => {
  const problems = ['node:studio.down: connection refused']
  expect(verdictOf(troubled(problems)).tone).toBe('warn')
  expect(verdictOf(troubled(problems, { nodes: [node({ state: 'down' })] })).tone).toBe('bad')
  expect(verdictOf(troubled(problems, { gateway_reachable: false })).tone).toBe('bad')
})

test('a problem is read by its code, and an unknown one is shown as it is', () => {
  expect(troubleOf('node:studio.down: it is: away')).toEqual({
    code: 'node:studio.down',
    word: 'problem.node',
    subject: 'studio',
    detail: 'it is: away',
  })
  expect(troubleOf('moon.down: full')).toMatchObject({ word: 'problem.other', subject: 'moon.down' })
  expect(troubleOf('bare')).toMatchObject({ word: 'problem.other', detail: '' })
})

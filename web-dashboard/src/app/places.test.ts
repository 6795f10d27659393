import { ownPath, placeOf } from './places.ts'

test.each(['/chat', '/', '/nodes/a-b.c', '/plans?status=failed&owner=ana'])(
  '%s is a place to go after signing in',
  (path) => {
    expect(ownPath(path)).toBe(path)
  },
)

test.each([
  '//evil.example',
  '/\\evil.example',
  'https://evil.example',
  'javascript:alert(1)',
  '/chat?next=//evil.example',
  '',
  7,
  null,
])('%s is not', (path) => {
  expect(ownPath(path)).toBeUndefined()
})

test('what was asked of a page is asked again after signing in', () => {
  expect(placeOf('/plans?status=failed')).toEqual({ to: '/plans', search: { status: 'failed' } })
  expect(placeOf(undefined)).toEqual({ to: '/', search: {} })
})

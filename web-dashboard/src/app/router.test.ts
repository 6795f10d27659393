import { ownPath } from './router.tsx'

test.each(['/chat', '/', '/nodes/a-b.c'])('%s is a place to go after signing in', (path) => {
  expect(ownPath(path)).toBe(path)
})

test.each(['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)', '', 7, null])(
  '%s is not',
  (path) => {
    expect(ownPath(path)).toBeUndefined()
  },
)

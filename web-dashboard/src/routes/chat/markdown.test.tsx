import { screen } from '@testing-library/react'
import { show } from '../../test/render.tsx'
import Markdown from './Markdown.tsx'

test('raw HTML of a model stays text', () => {
  const { container } = show(
    <Markdown text={'<img src=x onerror=alert(1)> <script>alert(2)</script> **bold**'} />,
  )
  expect(container.querySelector('img, script')).toBeNull()
  expect(container.querySelector('strong')).toHaveTextContent('bold')
  expect(container).toHaveTextContent('<script>')
})

test('an image is named, never fetched', () => {
  const { container } = show(<Markdown text="![a beacon](https://evil.example/?leak=1)" />)
  expect(container.querySelector('img')).toBeNull()
  expect(container).toHaveTextContent('a beacon')
})

test('links open elsewhere without telling where from, and never run code', () => {
  show(<Markdown text="[good](https://example.org) [bad](javascript:alert(1))" />)
  expect(screen.getByRole('link', { name: 'good' })).toHaveAttribute(
    'rel',
    expect.stringContaining('noreferrer'),
  )
  expect(screen.getByText('bad').getAttribute('href') ?? '').not.toContain('javascript')
})

test('an endless answer is shown plainly instead of stopping the page', () => {
  const { container } = show(<Markdown text={'**x** '.repeat(20_000)} />)
  expect(container.querySelector('strong')).toBeNull()
})

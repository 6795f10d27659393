import { screen } from '@testing-library/react'
import { ApiError, errorOf } from '../api/errors.ts'
import { show } from '../test/render.tsx'
import { Failure } from './Failure.tsx'

test('a paused sign-in says how long to wait', () => {
  show(<Failure error={new ApiError({ status: 429, code: 'too_many_attempts' }, 90)} />)
  expect(screen.getByRole('alert')).toHaveTextContent('paused for 1 min 30 sec')
})

test('an unknown code shows the words of the API', () => {
  show(
    <Failure error={new ApiError({ status: 409, code: 'odd', detail: 'the moon is full', hint: 'wait' })} />,
  )
  expect(screen.getByRole('alert')).toHaveTextContent('the moon is full')
  expect(screen.getByRole('alert')).toHaveTextContent('wait')
})

test('an answer that is no problem document is still an error', async () => {
  const error = await errorOf(new Response('<html>', { status: 502, statusText: 'Bad Gateway' }))
  expect(error).toMatchObject({ status: 502, code: 'http', message: 'Bad Gateway' })
})

import { act, screen } from '@testing-library/react'
import i18next from 'i18next'
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

describe('in Portuguese', () => {
  const speak = (language: string) => act(async () => void (await i18next.changeLanguage(language)))
  beforeEach(() => speak('pt-BR'))
  afterEach(() => speak('en'))

  test('the values of an error fill its sentence', () => {
    const values = { about: 'node', name: 'n9' }
    show(<Failure error={new ApiError({ status: 404, code: 'not_found', detail: 'no node n9', values })} />)
    expect(screen.getByRole('alert')).toHaveTextContent('Não há nenhum nó chamado n9.')
    expect(screen.getByRole('alert')).not.toHaveTextContent('no node n9')
  })

  test('a sentence that says less is followed by the words of the API', () => {
    show(<Failure error={new ApiError({ status: 409, code: 'port_taken', detail: '8000 is nginx' })} />)
    expect(screen.getByRole('alert')).toHaveTextContent('Outro programa usa uma porta')
    expect(screen.getByRole('alert')).toHaveTextContent('8000 is nginx')
  })
})

test('an answer that is no problem document is still an error', async () => {
  const error = await errorOf(new Response('<html>', { status: 502, statusText: 'Bad Gateway' }))
  expect(error).toMatchObject({ status: 502, code: 'http', message: 'Bad Gateway' })
})

import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { openApp, problem } from '../../test/app.tsx'
import { me, overview } from '../../test/fixtures.ts'

const ASK = 'POST /api/v1/chat'

const models = (...names: string[]) => names.map((name) => ({ ...overview().models[0], name }))

async function open(names: string[], isAway: (model: string) => boolean = () => false) {
  const lines = (model: string) =>
    [
      { message: { content: `I am ${model}` } },
      { done: true, eval_count: 9, eval_duration: model === 'quick' ? 1e8 : 1e9 },
    ]
      .map((line) => `${JSON.stringify(line)}\n`)
      .join('')
  // What was asked lives as long as the tab: each test is somebody else.
  const who = me({ id: names.join() })
  const app = await openApp(
    '/chat?view=beside',
    {
      [ASK]: ({ body }) => {
        const { model } = body as { model: string }
        if (isAway(model)) return problem(503, 'unavailable', 'away')
        return new Response(lines(model), {
          headers: { 'X-Cluster-Node': 'tower', 'X-Cluster-Why': 'resident' },
        })
      },
    },
    who,
  )
  await act(async () => app.socket().say('overview', { ...overview(), models: models(...names) }))
  return app
}

test('two models answer beside each other, with node, reason and speed; the faster one is marked', async () => {
  const { asked } = await open(['slow', 'quick', 'third'])
  await userEvent.type(await screen.findByRole('textbox', { name: 'Message' }), 'Who are you?{Enter}')
  const quick = within(await screen.findByRole('article', { name: 'quick' }))
  expect(await quick.findByText('I am quick')).toBeVisible()
  expect(await quick.findByText('90 tok/s')).toBeVisible()
  expect(quick.getByText('tower')).toBeVisible()
  expect(quick.getByText('resident')).toBeVisible()
  expect(within(screen.getByRole('article', { name: 'slow' })).getByText('I am slow')).toBeVisible()
  expect(screen.queryByRole('article', { name: 'third' })).not.toBeInTheDocument()
  const lane = screen.getByRole('article', { name: 'quick' }).parentElement as HTMLElement
  expect(within(lane).getByText('fastest')).toBeVisible()
  expect(screen.getAllByText('fastest')).toHaveLength(1)
  expect(asked(ASK)).toHaveLength(2)
  await userEvent.click(screen.getByRole('button', { name: 'Clear' }))
  expect(await screen.findByText('Ask several models the same')).toBeVisible()
})

test('an answer that failed is asked for again by itself', async () => {
  let isAway = true
  const { asked } = await open(['steady', 'flaky'], (model) => isAway && model === 'flaky')
  await userEvent.type(await screen.findByRole('textbox', { name: 'Message' }), 'Who are you?{Enter}')
  const flaky = within(await screen.findByRole('article', { name: 'flaky' }))
  const again = await flaky.findByRole('button', { name: 'Try again' })
  isAway = false
  await userEvent.click(again)
  expect(await within(screen.getByRole('article', { name: 'flaky' })).findByText('I am flaky')).toBeVisible()
  expect(screen.getByText('I am steady')).toBeVisible()
  expect(asked(ASK)).toHaveLength(3)
})

test('one model is too few, and that is said', async () => {
  await open(['lonely'])
  expect(await screen.findByText('Two models are needed for that')).toBeVisible()
  await userEvent.type(screen.getByRole('textbox', { name: 'Message' }), 'hello{Enter}')
  expect(screen.getByRole('button', { name: 'Send' })).toBeDisabled()
})

test('there is a way there and back', async () => {
  const { router } = await open(['a', 'b'])
  await userEvent.click(await screen.findByRole('radio', { name: 'One model' }))
  await waitFor(() => expect(router.state.location.search).toEqual({}))
  await userEvent.click(await screen.findByRole('radio', { name: 'Side by side' }))
  await waitFor(() => expect(router.state.location.search).toEqual({ view: 'beside' }))
})

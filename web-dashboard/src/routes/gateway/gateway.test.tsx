import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import i18next from 'i18next'
import { queries } from '../../api/session.ts'
import type { ApiKey, Decision, UsageRow } from '../../api/types.ts'
import { openApp, problem } from '../../test/app.tsx'
import { me, node, overview } from '../../test/fixtures.ts'
import { dayOf, everyDay, partsOf, waitsOf } from './gateway.ts'
import { nextName } from './KeyDialogs.tsx'
import { CLIENTS, type Client, snippet } from './snippets.ts'

const KEYS = 'GET /api/v1/keys'
const CREATE = 'POST /api/v1/keys'
const CHANGE = 'PATCH /api/v1/keys/{key}'
const REVOKE = 'DELETE /api/v1/keys/{key}'
const DECISIONS = 'GET /api/v1/gateway/decisions'
const DECISION = 'GET /api/v1/gateway/decisions/{request_id}'
const USAGE = 'GET /api/v1/usage'
const NO_LIMITS = { requests_per_minute: 0, requests_per_day: 0, tokens_per_minute: 0, tokens_per_day: 0 }

const key = (change: Partial<ApiKey> = {}): ApiKey => ({
  id: 'k1',
  name: 'laptop',
  prefix: 'cai_ab12cd34',
  owner: 'ana',
  state: 'active',
  scopes: ['models:use'],
  models: ['llama3*'],
  limits: { ...NO_LIMITS, requests_per_minute: 60 },
  priority: 'normal',
  resume: false,
  hedge: false,
  created_at: 1,
  expires_at: null,
  revoked_at: null,
  last_used_at: null,
  ...change,
})
const decision = (change: Partial<Decision> = {}): Decision => ({
  request_id: 'r-1',
  age_seconds: 12,
  model: 'qwen3:8b',
  node: 'big',
  candidates: [
    { name: 'big', why: 'resident, 0 in flight', score: { prefill: 0.41, decode: 1.2 } },
    { name: 'attic', why: 'cold', score: { load: 2.5, prefill: 0.31, decode: 0.9 } },
  ],
  tried: {},
  ...change,
})
const used = (id: string, requests: number, change: Partial<UsageRow> = {}): UsageRow => ({
  id,
  name: id,
  requests,
  errors: 1,
  prompt_tokens: 100,
  output_tokens: 20,
  ...change,
})
const today = dayOf(Date.now() / 1000)
const user = (name: string, disabled: boolean) => ({
  id: name,
  name,
  role: 'user',
  password_chosen: true,
  disabled,
  created_at: 1,
  seen_at: null,
})
const answers = (keys: ApiKey[] = [key()], decisions: Decision[] = [decision()]) => ({
  [KEYS]: () => ({ items: keys }),
  'GET /api/v1/users': () => ({ items: [user('ana', false), user('bo', true)] }),
  [DECISIONS]: () => ({ items: decisions }),
  [DECISION]: () => decision(),
  'GET /api/v1/gateway/requests': () => ({
    items: [
      { node: 'big', queue_seconds: 1 },
      { node: 'big', queue_seconds: 2 },
    ],
    next: null,
  }),
  [USAGE]: () => ({ by: 'day', items: [used(today, 7)] }),
})
async function opened(path: string, given: Parameters<typeof openApp>[1], who = me()) {
  const app = await openApp(path, given, who)
  const nodes = [
    node({ name: 'big' }),
    node({ name: 'attic', breaker: 'open', failed: 3, last_error: 'reset' }),
  ]
  act(() => app.socket().say('overview', overview({ nodes })))
  return app
}
const table = async (name: string) => within(await screen.findByRole('table', { name }))
const region = async (name: string) => within(await screen.findByRole('region', { name }))
const act_on = async (name: string, what: string) => {
  await userEvent.click(await screen.findByRole('button', { name: `What to do with ${name}` }))
  await userEvent.click(await screen.findByRole('menuitem', { name: what }))
  return within(await screen.findByRole('dialog'))
}

describe('addresses', () => {
  test('stand there with lines for each kind of program', async () => {
    await opened('/gateway', answers())
    const panel = await region('Addresses')
    expect(panel.getByText('http://localhost:11435/v1')).toBeVisible()
    expect(panel.getByText(/^curl http:\/\/localhost:11435\/v1/)).toBeVisible()
    await userEvent.selectOptions(panel.getByLabelText('Program'), 'anthropic')
    expect(panel.getByText(/ANTHROPIC_BASE_URL=http:\/\/localhost:11435 export/)).toBeVisible()
    expect(panel.getByText(/ANTHROPIC_MODEL=smollm2:135m/)).toBeVisible()
  })

  test('every kind of program is told the address, and a place for its key', () => {
    for (const client of Object.keys(CLIENTS) as Client[]) {
      const text = snippet(client, 'http://box:11435', 'm:1b')
      expect(text).toContain('http://box:11435')
      expect(text).toContain('cai_...')
    }
  })
})

describe('breakers and queue', () => {
  test('are told of each node, with the wait of its last calls', async () => {
    await opened('/gateway', answers())
    const rows = await table('Breakers and queue')
    expect(rows.getByText('open')).toBeVisible()
    expect(rows.getByText('reset')).toBeVisible()
    expect(await rows.findByText('1.5 sec')).toBeVisible()
  })

  test('the wait is not asked for by who may not read the log', async () => {
    const { asked } = await opened('/gateway', answers(), me({ role: 'user' }))
    await table('Breakers and queue')
    expect(asked('GET /api/v1/gateway/requests')).toHaveLength(0)
    expect(screen.queryByText('Wait in line')).not.toBeInTheDocument()
  })

  test('are of nobody in particular while no call was answered', () => {
    expect(waitsOf([{ node: '', queue_seconds: 5 }])).toEqual({})
  })
})

describe('keys', () => {
  test('say what they may and whose they are', async () => {
    await opened('/gateway', answers([key(), key({ id: 'k2', name: 'phone', owner: 'bo', models: [] })]))
    const rows = await table('API keys')
    expect(rows.getByText('cai_ab12cd34…', { selector: 'tr:nth-child(1) *' })).toBeVisible()
    expect(rows.getAllByText('60 calls a minute')).toHaveLength(2)
    expect(rows.getByText('every model')).toBeVisible()
    expect(await rows.findByText('owner disabled')).toBeVisible()
  })

  test('a new one is shown once, and closed it is gone', async () => {
    const { asked, router } = await opened('/gateway?ask=key', {
      ...answers(),
      [CREATE]: () => Response.json({ key: key({ name: 'tablet' }), secret: 'cai_secret' }, { status: 201 }),
    })
    const dialog = within(await screen.findByRole('dialog'))
    expect(dialog.getByRole('button', { name: 'New key' })).toBeDisabled()
    await userEvent.type(dialog.getByLabelText('Name'), 'tablet')
    await userEvent.clear(dialog.getByLabelText('tokens a day'))
    await userEvent.type(dialog.getByLabelText('tokens a day'), '5000')
    await userEvent.type(dialog.getByLabelText('Last day'), '2031-02-03')
    await userEvent.click(dialog.getByRole('button', { name: 'New key' }))
    expect(await screen.findByText('cai_secret')).toBeVisible()
    expect(asked(CREATE)[0]?.body).toEqual({
      name: 'tablet',
      owner: '',
      scopes: ['models:use'],
      models: [],
      limits: { ...NO_LIMITS, tokens_per_day: 5000 },
      priority: 'normal',
      resume: false,
      hedge: false,
      expires_at: Date.parse('2031-02-03T23:59:59Z') / 1000,
    })
    await waitFor(() => expect(router.state.location.search).toEqual({}))
    await act(() => router.navigate({ to: '/chat' }))
    await act(() => router.navigate({ to: '/gateway' }))
    await table('API keys')
    expect(screen.queryByText('cai_secret')).not.toBeInTheDocument()
  })

  test('one is changed without its end being moved', async () => {
    const end = 2_000_000_000.5
    const { asked } = await opened('/gateway', {
      ...answers([key({ expires_at: end })]),
      [CHANGE]: () => key(),
    })
    const dialog = await act_on('laptop', 'Rights and limits')
    await userEvent.selectOptions(dialog.getByLabelText('Priority'), 'batch')
    await userEvent.click(dialog.getByRole('button', { name: 'Save' }))
    await waitFor(() => expect(asked(CHANGE)).toHaveLength(1))
    expect(asked(CHANGE)[0]?.body).toMatchObject({ priority: 'batch', expires_at: end, models: ['llama3*'] })
  })

  test('one is replaced, and the old one ends only when its name was typed', async () => {
    const { asked } = await opened('/gateway', {
      ...answers(),
      [CREATE]: () =>
        Response.json({ key: key({ id: 'k2', name: 'laptop-2' }), secret: 'cai_new' }, { status: 201 }),
      [REVOKE]: () => key({ state: 'revoked' }),
    })
    const first = await act_on('laptop', 'Replace')
    await userEvent.click(first.getByRole('button', { name: 'Replace' }))
    expect(await screen.findByText('cai_new')).toBeVisible()
    expect(asked(CREATE)[0]?.body).toMatchObject({
      name: 'laptop-2',
      owner: 'ana',
      models: ['llama3*'],
      limits: { requests_per_minute: 60 },
    })
    expect(asked(REVOKE)).toHaveLength(0)
    await userEvent.click(screen.getByRole('button', { name: 'Revoke laptop' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Revoke laptop' }))
    expect(dialog.getByRole('button', { name: 'Revoke' })).toBeDisabled()
    await userEvent.type(dialog.getByLabelText('Type laptop to confirm'), 'laptop')
    await userEvent.click(dialog.getByRole('button', { name: 'Revoke' }))
    await waitFor(() => expect(asked(REVOKE)).toHaveLength(1))
    await waitFor(() => expect(screen.queryByText('cai_new')).not.toBeInTheDocument())
  })

  test('that are refused say so where they were asked for', async () => {
    const refused = () => problem(409, 'key_exists', 'there is an active key laptop')
    await opened('/gateway?ask=key', { ...answers(), [CREATE]: refused })
    const dialog = within(await screen.findByRole('dialog'))
    await userEvent.type(dialog.getByLabelText('Name'), 'laptop')
    await userEvent.click(dialog.getByRole('button', { name: 'New key' }))
    expect(await dialog.findByRole('alert')).toHaveTextContent('there is an active key laptop')
  })

  test('owners end their own, and make and change none', async () => {
    const { asked } = await opened('/gateway', answers(), me({ role: 'user' }))
    await table('API keys')
    expect(screen.queryByRole('button', { name: 'New key' })).not.toBeInTheDocument()
    await userEvent.click(screen.getByRole('button', { name: 'What to do with laptop' }))
    await screen.findByRole('menuitem', { name: 'Revoke' })
    expect(screen.getAllByRole('menuitem')).toHaveLength(1)
    expect(asked('GET /api/v1/users')).toHaveLength(0)
  })

  test('and usage are not asked for by who may only look', async () => {
    const { asked } = await opened('/gateway', answers(), me({ role: 'viewer' }))
    expect(await screen.findByText('Viewers have no keys')).toBeVisible()
    expect(screen.getByText('Viewers see no usage')).toBeVisible()
    expect([...asked(KEYS), ...asked(USAGE)]).toHaveLength(0)
  })

  test('follow each other by number', () => {
    expect(nextName('laptop')).toBe('laptop-2')
    expect(nextName('laptop-9')).toBe('laptop-10')
    expect(nextName('x'.repeat(64))).toHaveLength(64)
  })
})

describe('decisions', () => {
  test('say where calls went and why, and what was reckoned', async () => {
    const { router } = await opened('/gateway', answers())
    const rows = await table('Decisions')
    expect(rows.getByText('resident, 0 in flight')).toBeVisible()
    await userEvent.click(rows.getByRole('button', { name: 'Why qwen3:8b went there' }))
    const dialog = within(await screen.findByRole('dialog'))
    const scores = within(await dialog.findByRole('table'))
    expect(scores.getByRole('columnheader', { name: 'big (chosen)' })).toBeVisible()
    expect(scores.getByRole('row', { name: 'loading – 2.5' })).toBeVisible()
    expect(scores.getByRole('row', { name: 'Total 1.61 3.71' })).toBeVisible()
    expect(router.state.location.search).toEqual({ request: 'r-1' })
  })

  test('that nobody answered say what each node said', async () => {
    await opened(
      '/gateway',
      answers([], [decision({ node: '', candidates: [], tried: { big: 'broke off' } })]),
    )
    const rows = await table('Decisions')
    expect(rows.getByText('nobody')).toBeVisible()
    expect(rows.getByText('big: broke off')).toBeVisible()
  })

  test('are shown in full when somebody asks', async () => {
    const many = Array.from({ length: 30 }, () => decision({ request_id: 'same' }))
    await opened('/gateway', answers([], many))
    const rows = await table('Decisions')
    expect(rows.getAllByRole('row')).toHaveLength(11)
    await userEvent.click(screen.getByRole('button', { name: 'Show 20 more' }))
    expect(rows.getAllByRole('row')).toHaveLength(31)
  })

  test('that are forgotten are looked for in the log', async () => {
    await opened('/gateway?request=r-0', {
      ...answers(),
      [DECISION]: () => problem(404, 'decision_forgotten', 'it is forgotten'),
      'GET /api/v1/gateway/requests/{request_id}': () => ({
        number: 1,
        request_id: 'r-0',
        at: 1,
        model: 'qwen3:8b',
        node: 'attic',
        why: 'cold',
        tried: { big: 'refused' },
        queue_seconds: 0,
        ttft_seconds: 0.2,
        total_seconds: 3,
      }),
    })
    const dialog = within(await screen.findByRole('dialog'))
    expect(await dialog.findByText(/no longer remembers/)).toBeVisible()
    expect(dialog.getByText('attic')).toBeVisible()
  })

  test('of strategies of their own have their own parts', () => {
    const one = (score: Record<string, number>) => ({ name: 'a', why: '', score })
    expect(partsOf([one({ turn: 1, load: 2, wait: 0 })])).toEqual(['load', 'turn'])
    expect(partsOf([one({ turn: 0, wait: 0 })])).toEqual(['wait', 'turn'])
  })
})

describe('usage', () => {
  test('has its sum in words, and as a table', async () => {
    await opened('/gateway', answers())
    expect(await screen.findByText(/Calls: 7, tokens: 120, errors: 1 in 7 days/)).toBeVisible()
    await userEvent.click(
      within(await screen.findByRole('radiogroup', { name: 'Show as' })).getByText('Table'),
    )
    const rows = await table('Usage')
    expect(rows.getAllByRole('row')).toHaveLength(8)
  })

  test('by model is a bar for each, and stands in the address', async () => {
    const { asked, router } = await opened('/gateway', {
      ...answers(),
      [USAGE]: ({ url }) => ({
        by: url.searchParams.get('by'),
        items:
          url.searchParams.get('by') === 'model'
            ? [used('a', 3), used('b', 9), used('', 1, { name: '' })]
            : [],
      }),
    })
    const panel = await region('Usage')
    expect(await panel.findByText('Nothing was used in these days')).toBeVisible()
    await userEvent.selectOptions(panel.getByLabelText('By'), 'model')
    expect((await panel.findAllByRole('listitem')).map((item) => item.textContent)).toEqual([
      'b9',
      'a3',
      'no name1',
    ])
    expect(panel.getByText(/Most: b, 9/)).toBeVisible()
    expect(router.state.location.search).toEqual({ by: 'model' })
    expect(asked(USAGE).at(-1)?.url.searchParams.get('to')).toBe(today)
  })

  test('knows the days on which nothing was used', () => {
    const days = everyDay([used('2027-03-01', 4)], '2027-02-28', '2027-03-02')
    expect(days.map((day) => [day.id, day.requests])).toEqual([
      ['2027-02-28', 0],
      ['2027-03-01', 4],
      ['2027-03-02', 0],
    ])
  })
})

describe('when something is away', () => {
  test('what did not come is named, and the rest stands', async () => {
    const away = () => problem(503, 'unavailable', 'away')
    await opened('/gateway', { ...answers(), [KEYS]: away, [DECISIONS]: away })
    expect(await (await region('API keys')).findByRole('button', { name: 'Try again' })).toBeVisible()
    expect(await (await region('Decisions')).findByRole('button', { name: 'Try again' })).toBeVisible()
    expect(await screen.findByText(/Calls: 7/)).toBeVisible()
  })

  test('keys that were there stay, and say how old they are', async () => {
    let isAway = false
    await opened('/gateway', {
      ...answers(),
      [KEYS]: () => (isAway ? problem(503, 'unavailable', 'away') : { items: [key()] }),
    })
    await table('API keys')
    isAway = true
    await act(() => queries.refetchQueries({ queryKey: ['keys'] }))
    expect(await screen.findByText(/The cluster does not answer. This is from/)).toBeVisible()
    expect(screen.getByText('laptop')).toBeVisible()
  })

  test('nothing is there yet', async () => {
    await opened('/gateway', { ...answers([], []), [USAGE]: () => ({ by: 'day', items: [] }) })
    expect(await screen.findByText('No keys yet')).toBeVisible()
    expect(screen.getByText('No call has come yet')).toBeVisible()
  })
})

test('all of it is there in Portuguese', async () => {
  await act(() => i18next.changeLanguage('pt-BR'))
  await opened('/gateway', answers())
  expect(await table('Chaves de API')).toBeTruthy()
  expect(await screen.findByText(/Chamadas: 7, tokens: 120/)).toBeVisible()
})

import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import i18next from 'i18next'
import { queries } from '../../api/session.ts'
import type { ModelFit, Node, Overview, Pull } from '../../api/types.ts'
import { openApp, problem } from '../../test/app.tsx'
import { me, node, overview } from '../../test/fixtures.ts'
import { amount, filtered, fullName, pictureOf, rowsOf } from './models.ts'

const PULLS = 'GET /api/v1/pulls'
const BEGIN = 'POST /api/v1/pulls'
const FIT = 'GET /api/v1/catalog/{model}/fit'
const DELETE = 'DELETE /api/v1/models/{model}'
const LOAD = 'POST /api/v1/models/{model}/load'
const NAME = 'qwen3:8b'

const held = (name: string, loaded = false): Node['models'][number] => ({
  name,
  digest: 'd',
  size: 5_000_000_000,
  family: 'qwen3',
  parameter_size: '8.2B',
  quantization: 'Q4_K_M',
  capabilities: ['completion', 'tools'],
  loaded,
  context_length: loaded ? 8192 : 0,
  slots: 0,
})
const model = (name: string, nodes: string[], loaded_on: string[] = []): Overview['models'][number] => ({
  name,
  size: 5_000_000_000,
  family: 'qwen3',
  parameter_size: '8.2B',
  quantization: 'Q4_K_M',
  capabilities: ['completion', 'tools'],
  nodes,
  loaded_on,
})
const cluster = (change: Partial<Overview> = {}) =>
  overview({
    nodes: [
      node({ name: 'big', models: [held(NAME, true)] }),
      node({ name: 'attic', models: [held(NAME)] }),
      node({ name: 'shed', tokens_per_second: null }),
    ],
    models: [model(NAME, ['big', 'attic'], ['big'])],
    ...change,
  })
const pull = (change: Partial<Pull> = {}): Pull => ({
  id: '0a-1',
  model: 'llama3.2:3b',
  digest: '',
  size: 1000,
  state: 'running',
  copies: true,
  created_at: 1,
  changed_at: 2,
  by: 'ana',
  parts: [
    {
      node: 'shed',
      state: 'running',
      status: '',
      source: 'node',
      from_node: 'big',
      error: '',
      code: '',
      attempts: 1,
      layers: [{ digest: 'x', total: 1000, completed: 420 }],
    },
  ],
  ...change,
})
const fitting = (change: Partial<ModelFit> = {}): ModelFit => ({
  verdict: 'gpu',
  context: 8192,
  blocks: 36,
  gpu_blocks: 36,
  largest_context: 40_960,
  largest_gpu_context: 20_000,
  weights: 1,
  cache: 1,
  compute: 1,
  total: 6 * 1024 ** 3,
  gpu_memory: 1,
  memory: 0,
  download: 0,
  reasons: [],
  ...change,
})
const answers = (pulls: Pull[] = [], pins: { model: string; node: string }[] = []) => ({
  [PULLS]: () => ({ items: pulls }),
  'GET /api/v1/pins': () => ({ items: pins.map((one) => ({ by: 'ana', at: 1, ...one })) }),
  [FIT]: () => ({
    items: {
      big: fitting(),
      shed: fitting({
        verdict: 'no',
        gpu_blocks: 0,
        largest_context: 0,
        reasons: ['does not fit in memory'],
      }),
    },
  }),
})

/** Opens the page over a live picture. */
async function opened(path: string, given: Parameters<typeof openApp>[1], picture = cluster(), who = me()) {
  const app = await openApp(path, given, who)
  act(() => app.socket().say('overview', picture))
  return app
}
const table = async (name: string) => within(await screen.findByRole('table', { name }))
const press = (name: string | RegExp) => userEvent.click(screen.getByRole('button', { name }))

test('the list says what a model is, where it lies and where it is in memory', async () => {
  await opened('/models', answers())
  const rows = await table('Models')
  expect(rows.getByText('4.7 GiB')).toBeVisible()
  expect(rows.getByText('chat, tools')).toBeVisible()
  const places = rows.getAllByRole('listitem').map((item) => item.textContent)
  expect(places).toEqual(['big in memory', 'attic on disk'])
})

test('filters stand in the address', async () => {
  const picture = cluster({ models: [model(NAME, ['big']), model('nomic:latest', ['attic'])] })
  const { router } = await opened('/models?q=nomic', answers(), picture)
  const rows = await table('Models')
  expect(rows.getByText('nomic:latest')).toBeVisible()
  expect(rows.queryByText(NAME)).not.toBeInTheDocument()
  await userEvent.clear(screen.getByLabelText('Search'))
  await userEvent.selectOptions(screen.getByLabelText('Machine'), 'big')
  await waitFor(() => expect(router.state.location.search).toEqual({ node: 'big' }))
  expect(await rows.findByText(NAME)).toBeVisible()
  expect(rows.queryByText('nomic:latest')).not.toBeInTheDocument()
})

test('ten thousand models are one page of which only what is in sight is drawn', async () => {
  const many = Array.from({ length: 10_000 }, (_, index) => model(`m${index}:latest`, ['big']))
  await opened('/models', answers(), cluster({ models: many }))
  const rows = await table('Models')
  expect(screen.getByText('10,000 shown')).toBeVisible()
  expect(rows.getAllByRole('row').length).toBeLessThan(60)
})

describe('the matrix', () => {
  test('says of every model at every machine how it stands, in words', async () => {
    await opened('/models?view=machines', answers([pull()], [{ model: NAME, node: 'big' }]))
    const rows = await table('Models by machine')
    expect(rows.getByRole('button', { name: `${NAME} at big: in memory · pinned` })).toBeVisible()
    expect(rows.getByRole('button', { name: `${NAME} at attic: on disk` })).toBeVisible()
    expect(rows.getByRole('button', { name: `${NAME} at shed: absent` })).toBeVisible()
    expect(await rows.findByRole('button', { name: 'llama3.2:3b at shed: coming 42%' })).toBeVisible()
  })

  test('is gone through by arrow keys', async () => {
    await opened('/models?view=machines', answers())
    const cell = (name: string) => screen.getByRole('button', { name: `${NAME} at ${name}` })
    await table('Models by machine')
    const first = cell('big: in memory')
    act(() => first.focus())
    await userEvent.keyboard('{ArrowRight}')
    expect(cell('attic: on disk')).toHaveFocus()
    await userEvent.keyboard('{ArrowLeft}{ArrowLeft}')
    expect(first).toHaveFocus()
  })

  test('brings a model into memory where it lies', async () => {
    const { asked } = await opened('/models?view=machines', {
      ...answers(),
      [LOAD]: () => ({ items: [{ node: 'attic', error: '', code: '', freed: 0 }] }),
    })
    await table('Models by machine')
    await press(`${NAME} at attic: on disk`)
    await userEvent.click(await screen.findByRole('menuitem', { name: 'Load into memory' }))
    await waitFor(() => expect(asked(LOAD)).toHaveLength(1))
    expect(asked(LOAD)[0]?.url.pathname).toBe('/api/v1/models/qwen3%3A8b/load')
    expect(asked(LOAD)[0]?.body).toEqual({ nodes: ['attic'], keep: false })
    expect(await screen.findByText(`${NAME} is in the memory of attic`)).toBeVisible()
  })

  test('offers who may only look nothing but particulars', async () => {
    await opened('/models?view=machines', answers(), cluster(), me({ role: 'viewer' }))
    await table('Models by machine')
    expect(screen.queryByRole('button', { name: 'Pull a model' })).not.toBeInTheDocument()
    await press(`${NAME} at attic: on disk`)
    expect(await screen.findByRole('menuitem', { name: 'Details' })).toBeVisible()
    expect(screen.getAllByRole('menuitem')).toHaveLength(1)
  })
})

test('a menu stays open while calls are answered and models come', async () => {
  const { socket } = await opened('/models?view=machines', answers())
  await table('Models by machine')
  await press(`${NAME} at attic: on disk`)
  const item = await screen.findByRole('menuitem', { name: 'Details' })
  const [first, ...rest] = cluster().nodes
  const nodes = [node({ ...first, tokens_per_second: 99 }), ...rest]
  const models = [model(NAME, ['big', 'attic'], ['big']), model('new:1b', ['big'])]
  act(() => socket().say('overview', cluster({ at: 1001, nodes, models })))
  expect(await screen.findByText('new:1b')).toBeVisible()
  expect(item).toBeVisible()
})

describe('one model', () => {
  const path = `/models?model=${NAME}`

  test('tells where it fits, why not, and how fast the machine is', async () => {
    await opened(path, answers())
    const dialog = within(await screen.findByRole('dialog'))
    const big = within(await dialog.findByRole('listitem', { name: 'big' }))
    expect(big.getByText('on the GPU')).toBeVisible()
    expect(big.getByText('36 of 36')).toBeVisible()
    expect(await big.findByText('58 tokens/s')).toBeVisible()
    const shed = within(dialog.getByRole('listitem', { name: 'shed' }))
    expect(shed.getByText('does not fit')).toBeVisible()
    expect(shed.getByText('does not fit in memory')).toBeVisible()
  })

  test('says why nobody can tell whether it fits', async () => {
    await opened(path, { ...answers(), [FIT]: () => problem(503, 'registry_down', 'no registry answers') })
    const dialog = within(await screen.findByRole('dialog'))
    expect(await dialog.findByRole('alert')).toHaveTextContent('no registry answers')
    expect(dialog.getByRole('button', { name: 'Try again' })).toBeVisible()
  })

  test('asks no registry for who may only look', async () => {
    const { asked } = await opened(path, answers(), cluster(), me({ role: 'viewer' }))
    expect(await screen.findByText('Viewers do not ask registries of models')).toBeVisible()
    expect(asked(FIT)).toHaveLength(0)
    expect(screen.queryByRole('button', { name: 'Delete' })).not.toBeInTheDocument()
  })

  test('is deleted everywhere only when its name was typed', async () => {
    const { asked } = await opened(path, { ...answers(), [DELETE]: () => ({ nodes: ['big'], freed: {} }) })
    await userEvent.click(await screen.findByRole('button', { name: 'Delete' }))
    const dialog = within(await screen.findByRole('dialog', { name: `Delete ${NAME}` }))
    expect(dialog.getByRole('button', { name: 'Delete' })).toBeDisabled()
    await userEvent.type(dialog.getByLabelText(`Type ${NAME} to confirm`), NAME)
    await userEvent.click(dialog.getByRole('button', { name: 'Delete' }))
    await waitFor(() => expect(asked(DELETE)).toHaveLength(1))
    expect(asked(DELETE)[0]?.url.search).toBe('')
  })

  test('that was loaded at some machines only says where not', async () => {
    await opened(path, {
      ...answers(),
      [LOAD]: () => ({
        items: [
          { node: 'attic', error: '', code: '', freed: 0 },
          { node: 'shed', error: 'out of memory', code: 'upstream', freed: 0 },
        ],
      }),
    })
    await userEvent.click(await screen.findByRole('button', { name: 'Load' }))
    expect(await screen.findByText('Not done at one machine')).toBeVisible()
    expect(screen.getByText('out of memory')).toBeVisible()
  })

  test('goes to the machines that lack it', async () => {
    const { asked } = await opened(path, {
      ...answers(),
      [BEGIN]: () => Response.json(pull(), { status: 201 }),
    })
    await userEvent.click(await screen.findByRole('button', { name: 'Copy to machines' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Pull a model' }))
    expect(dialog.getByRole('checkbox', { name: 'shed' })).toBeChecked()
    await userEvent.click(dialog.getByRole('button', { name: 'Pull' }))
    await waitFor(() => expect(asked(BEGIN)).toHaveLength(1))
    expect(asked(BEGIN)[0]?.body).toEqual({
      model: NAME,
      nodes: ['shed'],
      fits: false,
      context: 8192,
      copies: true,
      one_node: false,
    })
  })
})

describe('pulls', () => {
  test('say how far they have come and from where', async () => {
    await opened('/models', answers([pull()]))
    const one = within(await screen.findByRole('listitem', { name: 'llama3.2:3b' }))
    expect(one.getByRole('meter', { name: 'llama3.2:3b to shed' })).toHaveAttribute('aria-valuenow', '42')
    expect(one.getByText('from big')).toBeVisible()
  })

  test('are asked for again while one is on its way', async () => {
    let completed = 420
    const moving = () => {
      const [part] = pull().parts
      return pull({
        parts: [{ ...part, layers: [{ digest: 'x', total: 1000, completed }] } as Pull['parts'][number]],
      })
    }
    await opened('/models', { ...answers(), [PULLS]: () => ({ items: [moving()] }) })
    const one = within(await screen.findByRole('listitem', { name: 'llama3.2:3b' }))
    completed = 900
    await waitFor(() => expect(one.getByRole('meter')).toHaveAttribute('aria-valuenow', '90'), {
      timeout: 8000,
    })
  })

  test('are cancelled, with what has come so far', async () => {
    const cancel = 'POST /api/v1/pulls/{pull_id}/cancel'
    const { asked } = await opened('/models', {
      ...answers([pull()]),
      [cancel]: () => pull({ state: 'cancelled' }),
    })
    await screen.findByRole('listitem', { name: 'llama3.2:3b' })
    await press('Cancel the pull: llama3.2:3b')
    const dialog = within(await screen.findByRole('dialog'))
    await userEvent.click(dialog.getByLabelText('Remove what has come so far'))
    await userEvent.click(dialog.getByRole('button', { name: 'Cancel the pull' }))
    await waitFor(() => expect(asked(cancel)[0]?.body).toEqual({ nodes: [], purge: true }))
  })

  test('begin where the model fits, by a link', async () => {
    const { asked, router } = await opened('/models?ask=pull', { ...answers(), [BEGIN]: () => pull() })
    const dialog = within(await screen.findByRole('dialog'))
    expect(dialog.getByRole('button', { name: 'Pull' })).toBeDisabled()
    await userEvent.type(dialog.getByLabelText(/^Model/), 'qwen3:14b')
    await userEvent.click(dialog.getByRole('button', { name: 'Pull' }))
    await waitFor(() =>
      expect(asked(BEGIN)[0]?.body).toMatchObject({ model: 'qwen3:14b', fits: true, nodes: [] }),
    )
    await waitFor(() => expect(router.state.location.search).toEqual({}))
  })

  test('are begun from the palette, by whoever may', async () => {
    const { router } = await opened('/gateway', answers())
    await userEvent.click(screen.getAllByRole('button', { name: 'Find and do' })[0] as HTMLElement)
    await userEvent.type(await screen.findByPlaceholderText('What do you want to do?'), 'pull')
    await userEvent.click(await screen.findByText('Pull a model'))
    expect(await screen.findByLabelText(/^Model/, { selector: '[data-autofocus]' })).toBeVisible()
    expect(router.state.location.pathname).toBe('/models')
  })

  test('that are refused say so where they were asked for', async () => {
    const refused = () => problem(409, 'nothing_fits', 'no node could hold it')
    await opened('/models?ask=pull', { ...answers(), [BEGIN]: refused })
    const dialog = within(await screen.findByRole('dialog'))
    await userEvent.type(dialog.getByLabelText(/^Model/), 'huge:1t')
    await userEvent.click(dialog.getByRole('button', { name: 'Pull' }))
    expect(await dialog.findByRole('alert')).toHaveTextContent('no node could hold it')
  })
})

test('the library is searched, and what it has can be fetched', async () => {
  const catalog = 'GET /api/v1/catalog'
  const tag = {
    name: 'qwen3:14b',
    parameters: '14.8B',
    quantization: 'Q4_K_M',
    size: 9_300_000_000,
    memory: 11_000_000_000,
    context: 40_960,
    fits: [],
    nodes: ['big'],
  }
  const entry = {
    name: 'qwen3',
    title: 'Qwen 3',
    by: 'Alibaba',
    licence: 'Apache-2.0',
    about: 'About it',
    capabilities: ['chat'],
    categories: ['general'],
    languages: ['en'],
    tags: [tag],
  }
  const { asked } = await opened('/models?view=library', {
    ...answers(),
    [catalog]: () => ({ items: [entry], categories: { general: 'General' }, problems: [] }),
  })
  const rows = await table('Library')
  expect(rows.getByText('Alibaba')).toBeVisible()
  await userEvent.type(screen.getByLabelText('Search'), 'think')
  await waitFor(() => expect(asked(catalog).at(-1)?.url.searchParams.get('words')).toBe('think'))
  await press('Pull qwen3:14b')
  expect(within(await screen.findByRole('dialog')).getByLabelText(/^Model/)).toHaveValue('qwen3:14b')
})

describe('when something is away', () => {
  test('the gateway: what is shown is named as old', async () => {
    await opened('/models', answers(), cluster({ gateway_reachable: false }))
    expect(await screen.findByText('as last known: the gateway does not answer')).toBeVisible()
    expect(screen.getByText(NAME)).toBeVisible()
  })

  test('pulls and pins: models are shown, and what may be missing is said', async () => {
    const away = () => problem(503, 'unavailable', 'away')
    await opened('/models', { [PULLS]: away, 'GET /api/v1/pins': away })
    expect(await screen.findByText(/Pulls or pins could not be asked for/)).toBeVisible()
    expect(screen.getByText(NAME)).toBeVisible()
  })

  test('pulls that were there stay, and say how old they are', async () => {
    let isAway = false
    await opened('/models', {
      ...answers(),
      [PULLS]: () => (isAway ? problem(503, 'unavailable', 'away') : { items: [pull({ state: 'done' })] }),
    })
    await screen.findByRole('listitem', { name: 'llama3.2:3b' })
    isAway = true
    await act(() => queries.refetchQueries({ queryKey: ['pulls'] }))
    expect(await screen.findByText(/The cluster does not answer. This is from/)).toBeVisible()
    expect(screen.getByRole('listitem', { name: 'llama3.2:3b' })).toBeVisible()
  })

  test('nothing has come yet, and no model is there', async () => {
    const { socket } = await openApp('/models', answers())
    expect(await screen.findByText('Nothing is on its way')).toBeVisible()
    expect(screen.queryByText('No models yet')).not.toBeInTheDocument()
    act(() => socket().say('overview', cluster({ models: [] })))
    expect(await screen.findByText('No models yet')).toBeVisible()
  })
})

test('all of it is there in Portuguese', async () => {
  await act(() => i18next.changeLanguage('pt-BR'))
  await opened('/models?view=machines', answers([pull()]))
  const rows = await table('Modelos por máquina')
  expect(rows.getByRole('button', { name: `${NAME} em attic: em disco` })).toBeVisible()
  expect(screen.getByRole('button', { name: 'Cancelar a busca: llama3.2:3b' })).toBeVisible()
})

describe('what is shown of models', () => {
  test('a picture of which nothing changed but counters is the same', () => {
    const [one, other] = [cluster(), cluster({ at: 1001 })]
    expect(pictureOf(other)).toEqual(pictureOf(one))
  })

  test('a name without a tag is the latest', () => {
    expect(fullName('host:5000/a/b')).toBe('host:5000/a/b:latest')
    expect(fullName('a:b')).toBe('a:b')
  })

  test('a pull that failed is told where the model is not, and not where it is', () => {
    const failed = pull({ model: NAME, state: 'failed' })
    const part = { ...failed.parts[0], state: 'failed' } as Pull['parts'][number]
    const rows = rowsOf(pictureOf(cluster()), [{ ...failed, parts: [part, { ...part, node: 'attic' }] }], [])
    expect(rows[0]?.cells.shed?.state).toBe('failed')
    expect(rows[0]?.cells.attic?.state).toBe('disk')
  })

  test('the newest pull of a machine counts', () => {
    const done = pull({ id: 'old', model: NAME })
    const rows = rowsOf(
      pictureOf(cluster()),
      [
        pull({ model: NAME, parts: [{ ...done.parts[0], state: 'cancelled' } as Pull['parts'][number]] }),
        done,
      ],
      [],
    )
    expect(rows[0]?.cells.shed?.state).toBe('absent')
  })

  test('how much has come is never more than all', () => {
    const [part] = pull().parts
    expect(
      amount({ ...part, layers: [{ digest: 'x', total: 10, completed: 12 }] } as Pull['parts'][number], 10),
    ).toEqual({
      done: 10,
      total: 10,
    })
  })

  test('all words must be met', () => {
    const rows = rowsOf(pictureOf(cluster()), [], [])
    expect(filtered(rows, { q: 'qwen q4', capability: '', node: '' })).toHaveLength(1)
    expect(filtered(rows, { q: 'qwen q8', capability: '', node: '' })).toHaveLength(0)
    expect(filtered(rows, { q: '', capability: '', node: 'shed' })).toHaveLength(0)
  })
})

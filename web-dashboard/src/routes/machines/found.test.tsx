import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import i18next from 'i18next'
import { queries } from '../../api/session.ts'
import type { Discovery, Find } from '../../api/types.ts'
import { show } from '../../test/render.tsx'
import { FoundPanel } from './FoundPanel.tsx'
import { commandOf, outsOf, rowsOf, stagesOf } from './found.ts'

type Service = Find['services'][number]

function service(change: Partial<Service> = {}): Service {
  return {
    port: 22,
    kind: 'ssh',
    name: '',
    version: '',
    tls: false,
    models: [],
    cluster: '',
    instance: '',
    takeable: false,
    ...change,
  }
}

function find(change: Partial<Find> = {}): Find {
  return {
    id: '192.168.1.20',
    address: '192.168.1.20',
    others: [],
    names: ['shelf'],
    how: ['scan', 'mdns'],
    services: [service()],
    mac: '',
    entry: null,
    host_keys: [],
    why_not: null,
    usable: true,
    target: '192.168.1.20',
    ...change,
  }
}

function discovery(change: Partial<Discovery> = {}): Discovery {
  return {
    id: '01928d2f-0000-7000-8000-000000000001',
    by: 'admin',
    state: 'ended',
    started_at: 1,
    ended_at: 2,
    networks: ['192.168.1.0/24'],
    hosts: [],
    stages: [],
    found: [],
    left_out: [],
    hashed: 0,
    problems: {},
    ...change,
  }
}

const OLLAMA = service({
  port: 11434,
  kind: 'ollama',
  name: 'Ollama',
  version: '0.12.6',
  models: ['qwen3:4b'],
  takeable: true,
})

/** A head that answers from memory. `refusal`: what it says to whoever begins. */
function head(items: Discovery[], { networks = ['192.168.1.0/24'], refusal = '' } = {}) {
  const asked: { method: string; path: string; body: string }[] = []
  vi.stubGlobal('fetch', async (request: Request) => {
    const path = new URL(request.url).pathname
    asked.push({ method: request.method, path, body: await request.clone().text() })
    const isRefused = request.method === 'POST' && refusal !== ''
    const body = isRefused
      ? { code: refusal, detail: 'a search is under way', hint: '' }
      : request.method === 'GET'
        ? { items, networks, left_out: [] }
        : (items[0] ?? discovery())
    return new Response(JSON.stringify(body), {
      status: isRefused ? 409 : 200,
      headers: { 'Content-Type': 'application/json' },
    })
  })
  return asked
}

afterEach(() => {
  queries.clear()
  vi.unstubAllGlobals()
})

test('before anything was looked for: which networks, and one button', async () => {
  const asked = head([])
  show(<FoundPanel mayAdd />)
  expect(screen.getByText('Asking which networks there are…')).toBeVisible()
  expect(await screen.findByText(/192\.168\.1\.0\/24/)).toBeVisible()
  await userEvent.click(screen.getByRole('button', { name: 'Look around' }))
  const begun = asked.find((one) => one.method === 'POST')
  expect(begun?.path).toBe('/api/v1/discoveries')
  expect(JSON.parse(begun?.body ?? '')).toMatchObject({ hosts: [], deep: false })
})

test('a head that is on no network says so and offers nothing', async () => {
  head([], { networks: [] })
  show(<FoundPanel mayAdd />)
  expect(await screen.findByText('This head is on no network that may be looked at.')).toBeVisible()
  expect(screen.getByRole('button', { name: 'Look around' })).toBeDisabled()
})

test('while it goes on: what was counted, what was found so far, and stopping', async () => {
  const stages = [
    { stage: 'ports', done: 96, total: 240 },
    { stage: 'alive', done: 253, total: 253 },
  ]
  const early = find({ services: [], usable: false, why_not: 'no_ssh' })
  const asked = head([discovery({ state: 'running', ended_at: null, stages, found: [early] })])
  show(<FoundPanel mayAdd />)
  const list = within(await screen.findByRole('list', { name: 'How far the search is' }))
  expect(list.getAllByRole('listitem').map((one) => one.textContent)).toEqual([
    '253 of 253 addresses',
    '96 of 240 ports',
  ])
  expect(list.getAllByRole('progressbar')[1]).toHaveAttribute('aria-valuenow', '96')
  expect(screen.getByText('shelf')).toBeVisible()
  expect(screen.queryByText(/no SSH server/), 'nobody knows yet').not.toBeInTheDocument()
  expect(screen.queryByRole('button', { name: 'Look closer at shelf' })).not.toBeInTheDocument()
  await userEvent.click(screen.getByRole('button', { name: 'Stop' }))
  await waitFor(() => expect(asked.some((one) => one.method === 'DELETE')).toBe(true))
})

test('nothing answered', async () => {
  head([discovery()])
  show(<FoundPanel mayAdd />)
  expect(await screen.findByText('Nothing answered')).toBeVisible()
  expect(screen.getByRole('button', { name: 'Look again' })).toBeEnabled()
})

test.each([
  ['cancelled', /^Stopped/],
  ['out_of_time', /^Out of time/],
  ['failed', /^The search broke off/],
] as const)('%s: what was found until then is there', async (state, words) => {
  head([discovery({ state, found: [find()], problems: { mdns: 'no multicast' } })])
  show(<FoundPanel mayAdd />)
  expect(await screen.findByText(words)).toBeVisible()
  expect(screen.getByText('shelf')).toBeVisible()
  expect(screen.getByText('mdns could not be used: no multicast')).toBeVisible()
})

test('a search that is refused is told, and why', async () => {
  head([], { refusal: 'discovery_running' })
  show(<FoundPanel mayAdd />)
  await userEvent.click(await screen.findByRole('button', { name: 'Look around' }))
  expect(await screen.findByRole('alert')).toHaveTextContent('a search is under way')
})

test('a machine: how it was found, and adding it with its address filled in', async () => {
  head([discovery({ found: [find()] })])
  show(<FoundPanel mayAdd />)
  expect(await screen.findByText('found by scan, mDNS')).toBeVisible()
  await userEvent.click(screen.getByRole('button', { name: 'Add shelf' }))
  expect(screen.getByText('cluster-ai node add 192.168.1.20')).toBeVisible()
  await userEvent.type(screen.getByLabelText('User on that machine'), 'ana')
  expect(screen.getByText('cluster-ai node add ana@192.168.1.20')).toBeVisible()
})

test('one that the SSH settings know is called by its name there', async () => {
  const entry = { alias: 'books', user: 'ana', port: 22, jump: '', identities: [] }
  head([discovery({ found: [find({ entry, target: 'books' })] })])
  show(<FoundPanel mayAdd />)
  await userEvent.click(await screen.findByRole('button', { name: 'Add shelf' }))
  expect(screen.getByText('cluster-ai node add books')).toBeVisible()
  expect(screen.queryByLabelText('User on that machine')).not.toBeInTheDocument()
})

test('one that cannot be added says why; its Ollama goes into the registry, or becomes a node by hand', async () => {
  const asked = head([discovery({ found: [find({ usable: false, why_not: 'no_ssh', services: [OLLAMA] })] })])
  show(<FoundPanel mayAdd />)
  expect(await screen.findByText(/no SSH server answers/)).toBeVisible()
  expect(screen.queryByRole('button', { name: 'Add shelf' })).not.toBeInTheDocument()
  expect(screen.getByText('Ollama 0.12.6 :11434 (qwen3:4b)')).toBeVisible()
  expect(screen.getByText('http://192.168.1.20:11434')).toBeVisible()
  await userEvent.click(screen.getByRole('button', { name: 'Put 192.168.1.20:11434 into the registry' }))
  const taken = asked.find((one) => one.path.endsWith('/taken'))
  expect(JSON.parse(taken?.body ?? '')).toEqual({ address: '192.168.1.20', port: 11434 })
})

test('what is in the registry is not offered again', async () => {
  const there = { ...OLLAMA, instance: 'found:192.168.1.20:11434' }
  head([discovery({ found: [find({ services: [there] })] })])
  show(<FoundPanel mayAdd={false} />)
  expect(await screen.findByText('in the registry')).toBeVisible()
  expect(screen.queryByRole('button', { name: /into the registry/ })).not.toBeInTheDocument()
  expect(screen.queryByRole('button', { name: 'Add shelf' })).not.toBeInTheDocument()
})

test('looking closer asks for that address alone', async () => {
  const asked = head([discovery({ found: [find()] })])
  show(<FoundPanel mayAdd />)
  await userEvent.click(await screen.findByRole('button', { name: 'Look closer at shelf' }))
  const begun = asked.find((one) => one.method === 'POST')
  expect(JSON.parse(begun?.body ?? '')).toMatchObject({ hosts: ['192.168.1.20'], deep: true })
})

test('what a stranger says is text', async () => {
  const rude = service({ port: 80, kind: 'web', name: '<img src=x onerror=alert(1)>' })
  head([discovery({ found: [find({ services: [rude] })] })])
  const { container } = show(<FoundPanel mayAdd />)
  expect(await screen.findByText(/<img src=x/)).toBeVisible()
  expect(container.querySelector('img')).toBeNull()
})

test('in Portuguese', async () => {
  await i18next.changeLanguage('pt-BR')
  head([discovery({ found: [find({ why_not: 'in_cluster', usable: false })] })])
  show(<FoundPanel mayAdd />)
  expect(await screen.findByText('Já está no cluster.')).toBeVisible()
  expect(screen.getByRole('button', { name: 'Procurar de novo' })).toBeVisible()
})

test('commands can be pasted whatever a name is', () => {
  expect(commandOf('192.168.1.20', '')).toBe('cluster-ai node add 192.168.1.20')
  expect(commandOf('a', '$(id)')).toBe("cluster-ai node add '$(id)@a'")
  expect(commandOf("o'brien; ls", '')).toBe("cluster-ai node add 'o'\\''brien; ls'")
})

test('stages stand in their order, and empty ones are left out; networks that were left out have a reason', () => {
  const stages = [
    { stage: 'names', done: 0, total: 0 },
    { stage: 'mdns', done: 1, total: 3 },
    { stage: 'alive', done: 1, total: 2 },
  ]
  expect(stagesOf(discovery({ stages })).map((one) => one.word)).toEqual([
    'found.progress.alive',
    'found.progress.mdns',
  ])
  const out = [
    { interface: 'lo', network: '127.0.0.0/8', why: 'loopback' },
    { interface: 'docker0', network: '172.17.0.0/16', why: 'containers' },
  ]
  expect(outsOf(out)).toEqual([{ network: '172.17.0.0/16', why: 'found.out.containers' }])
})

test('a closer look at one address hides nothing else that was found', () => {
  const other = find({ id: '192.168.1.21', address: '192.168.1.21', names: ['attic'] })
  const old = discovery({ id: 'old', found: [find({ names: ['before'] })] })
  const whole = discovery({ id: 'whole', found: [find(), other] })
  const closer = discovery({ id: 'closer', hosts: ['192.168.1.20'], found: [find({ services: [OLLAMA] })] })
  const rows = rowsOf([closer, whole, old]).map((row) => [row.from.id, row.find.address])
  expect(rows).toEqual([
    ['closer', '192.168.1.20'],
    ['whole', '192.168.1.21'],
  ])
  expect(rowsOf([closer])).toHaveLength(1)
  expect(rowsOf([])).toEqual([])
})

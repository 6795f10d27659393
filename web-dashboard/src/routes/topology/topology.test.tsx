import { act, screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { openApp, problem } from '../../test/app.tsx'
import { machine, me, node, overview, worker } from '../../test/fixtures.ts'
import { thingsOf } from './things.ts'

const MACHINES = 'GET /api/v1/machines'

async function opened(path: string, answers = {}, picture = overview(), who = me()) {
  const app = await openApp(path, { [MACHINES]: () => ({ items: [machine()] }), ...answers }, who)
  act(() => app.socket().say('overview', picture))
  return app
}

test('each thing is drawn with its state in words', async () => {
  await opened('/topology', {}, overview({ nodes: [node({ name: 'laptop', state: 'down' })] }))
  const frame = within(await screen.findByRole('region', { name: 'Drawing of the cluster' }))
  expect(await frame.findByRole('img', { name: /^machine, tower, healthy, heard just now/ })).toBeVisible()
  expect(frame.getByRole('img', { name: /^head, box, / })).toBeVisible()
  expect(frame.getByRole('img', { name: /^node, laptop, down, 0 in flight/ })).toBeVisible()
  expect(screen.getByText(/To look at: node laptop \(down\)\./)).toBeVisible()
})

test('the layout and the table stand in the address', async () => {
  const { router } = await opened('/topology?layout=ring')
  const layout = await screen.findByLabelText('Layout')
  expect(layout).toHaveValue('ring')
  await userEvent.selectOptions(layout, 'Mesh')
  expect(router.state.location.search).toMatchObject({ layout: 'mesh' })
  await userEvent.click(screen.getByRole('radio', { name: 'Table' }))
  expect(router.state.location.search).toMatchObject({ layout: 'mesh', view: 'table' })
  const table = within(await screen.findByRole('table', { name: 'The cluster' }))
  expect(table.getByText('tower')).toBeVisible()
  expect(table.getByText('1.5 requests/s')).toBeVisible()
})

test('a layout that there is not is the first one', async () => {
  await opened('/topology?layout=spiral')
  expect(await screen.findByLabelText('Layout')).toHaveValue('star')
})

test('what comes by the live link is drawn', async () => {
  const { socket } = await opened('/topology', {}, overview({ gateway_reachable: true }))
  await screen.findByRole('img', { name: /^gateway, ready/ })
  act(() => socket().say('overview', overview({ at: 1001, gateway_reachable: false })))
  expect(await screen.findByRole('img', { name: /^gateway, down/ })).toBeVisible()
  expect(screen.getByRole('img', { name: /^node, embedded, unknown/ })).toBeVisible()
})

test('machines that are not told leave the rest to be seen', async () => {
  await opened('/topology', { [MACHINES]: () => problem(503, 'unavailable') })
  expect(await screen.findByRole('img', { name: /^scheduler, / })).toBeVisible()
  expect(screen.getByText(/machines that joined are not known yet/)).toBeVisible()
  expect(await screen.findByRole('alert')).toBeVisible()
})

test('before the first picture it says that it waits', async () => {
  await openApp('/topology', { [MACHINES]: () => ({ items: [] }) }, me({ role: 'viewer' }))
  expect(screen.getByRole('heading', { level: 1, name: 'Topology' })).toBeVisible()
  expect(screen.queryByRole('region', { name: 'Drawing of the cluster' })).not.toBeInTheDocument()
})

test('a drawing is moved and zoomed by keys', async () => {
  await opened('/topology')
  const frame = await screen.findByRole('region', { name: 'Drawing of the cluster' })
  await screen.findByRole('img', { name: /^machine, tower/ })
  const seen = () =>
    (frame.querySelector('svg') as SVGSVGElement).getAttribute('viewBox')?.split(' ').map(Number) ?? []
  const [x, , width] = seen() as [number, number, number]
  frame.focus()
  await userEvent.keyboard('+')
  expect(seen()[2]).toBeCloseTo(width / 1.3)
  await userEvent.keyboard('-{ArrowRight}')
  expect(seen()[0]).toBeGreaterThan(x)
})

test('what runs on a machine that joined is tied to it, by address or name', () => {
  const things = thingsOf(
    overview({
      nodes: [node({ name: 'a', url: 'http://192.168.1.20:11434/' }), node({ name: 'b', url: 'nonsense' })],
      compute: {
        ...overview().compute,
        workers: [worker({ host: 'tower' }), worker({ address: 'x', host: '' })],
      },
    }),
    [machine()],
  )
  const on = (kind: string) => things.filter((thing) => thing.kind === kind).map((thing) => thing.on)
  const tower = `machine ${machine().id}`
  expect(on('node')).toEqual([tower, null])
  expect(on('worker')).toEqual([tower, null])
})

test('of what is not known nothing is drawn', () => {
  const kinds = thingsOf(overview(), null).map((thing) => thing.kind)
  expect(kinds).toEqual(['head', 'gateway', 'node', 'scheduler', 'worker'])
})

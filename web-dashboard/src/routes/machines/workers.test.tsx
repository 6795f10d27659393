import { screen, within } from '@testing-library/react'
import { queries } from '../../api/session.ts'
import type { Machine } from '../../api/types.ts'
import { machine, overview, power } from '../../test/fixtures.ts'
import { show } from '../../test/render.tsx'
import { WorkersPanel } from '../overview/WorkersPanel.tsx'
import { MachinesPage } from './page.tsx'

function answering(machines: readonly Machine[]) {
  vi.stubGlobal('fetch', async (request: Request) => {
    const path = new URL(request.url).pathname
    if (path.endsWith('/discoveries')) return Response.json({ items: [], networks: [], left_out: [] })
    return Response.json(
      path.endsWith('power') ? power() : { items: path.endsWith('machines') ? machines : [] },
    )
  })
}

afterEach(() => {
  queries.clear()
  vi.unstubAllGlobals()
})

test('a machine tells what its workers get, and why there are none', async () => {
  const share = { workers: 2, threads: 4, memory: 6 * 1024 ** 3, why_none: '' }
  const none = { workers: 0, threads: 0, memory: 0, why_none: 'memory' }
  answering([machine({ share }), machine({ id: '2', name: 'pi', share: none })])
  show(<MachinesPage />)
  await screen.findByText('tower')
  const table = within(screen.getByRole('region', { name: /^Machines that/ }))
  expect(table.getByText('2 × 4')).toBeVisible()
  expect(table.getByTitle(/^4 threads and 6.*GiB of memory each$/)).toBeVisible()
  expect(table.getByTitle('Too little memory is left beside the models for a worker.')).toHaveTextContent(
    'none',
  )
})

test('an empty list of workers says why this machine has none', async () => {
  const { compute } = overview()
  const here = { ...compute.here, workers: 0, why_none: 'settings' }
  show(<WorkersPanel compute={{ ...compute, workers: [], here }} />)
  expect(await screen.findByText('Its config.toml says [compute] workers = 0.')).toBeVisible()
})

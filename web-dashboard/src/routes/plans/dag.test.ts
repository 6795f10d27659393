import type { Graph, GraphNode } from '../../api/types.ts'
import { graph, node, ticketId } from '../../test/work.ts'
import { wholeOf, zoomed } from '../../ui/window.ts'
import { BOX, closedAtFirst, drawingOf, standing } from './dag.ts'

/** `sizes[n]` tickets in level n, each depending on one of the level before. */
function wide(sizes: readonly number[]): Graph {
  const nodes: GraphNode[] = []
  const edges: Graph['edges'] = []
  sizes.forEach((size, level) => {
    for (let i = 0; i < size; i += 1) {
      const id = `l${level}-${i}`
      nodes.push(node({ id, ticket_id: ticketId(nodes.length), level, status: 'waiting' }))
      if (level > 0) edges.push({ ticket: id, depends_on: `l${level - 1}-${i % (sizes[level - 1] ?? 1)}` })
    }
  })
  return graph({ nodes, edges, critical_path: sizes.map((_, level) => `l${level}-0`) })
}

test('a ticket stands right of what it depends on, and the critical path is marked', () => {
  const { spots, ways } = drawingOf(graph(), new Set())
  const [make, tried] = spots
  expect((tried?.x ?? 0) - (make?.x ?? 0)).toBeGreaterThan(BOX.width)
  expect(ways).toMatchObject([{ from: { key: make?.key }, to: { key: tried?.key }, isCritical: true }])
})

test('boxes of one level do not cover each other', () => {
  const { spots } = drawingOf(wide([3, 9, 2]), new Set())
  for (const one of spots) {
    for (const other of spots) {
      if (one !== other && one.level === other.level)
        expect(Math.abs(one.y - other.y)).toBeGreaterThanOrEqual(BOX.height)
    }
  }
})

test('a thousand tickets are drawn as few boxes, with one line for each pair of them', () => {
  const large = wide([1, 200, 5, 300, 12, 400, 80, 2])
  expect(large.nodes).toHaveLength(1000)
  const closed = closedAtFirst(large)
  expect([...closed]).toEqual([1, 3, 4, 5, 6])
  const { spots, ways } = drawingOf(large, closed)
  expect(spots).toHaveLength(1 + 1 + 5 + 1 + 1 + 1 + 1 + 2)
  expect(ways.length).toBeLessThan(30)
  expect(spots.filter((spot) => spot.isCritical)).toHaveLength(8)
})

test('opened, all of them are drawn', () => {
  const large = wide([1, 200, 5, 300, 12, 400, 80, 2])
  expect(drawingOf(large, new Set()).spots).toHaveLength(1000)
})

test('a small plan is drawn whole', () => {
  expect(closedAtFirst(wide([1, 20, 1])).size).toBe(0)
})

test('what belongs together stands side by side', () => {
  const crossed = graph({
    nodes: [
      node({ id: 'a', ticket_id: 'a' }),
      node({ id: 'b', ticket_id: 'b' }),
      node({ id: 'of-b', ticket_id: 'of-b', level: 1 }),
      node({ id: 'of-a', ticket_id: 'of-a', level: 1 }),
    ],
    edges: [
      { ticket: 'of-b', depends_on: 'b' },
      { ticket: 'of-a', depends_on: 'a' },
    ],
    critical_path: [],
  })
  const at = new Map(drawingOf(crossed, new Set()).spots.map((spot) => [spot.key, spot.y]))
  expect(at.get('of-a')).toBe(at.get('a'))
  expect(at.get('of-b')).toBe(at.get('b'))
})

test('a closed level says how its tickets stand', () => {
  const nodes = (['succeeded', 'failed', 'running'] as const).map((status) => node({ status }))
  expect(standing(nodes)).toEqual({ bad: 1, over: 2, open: 1 })
})

test('zooming keeps the point that it is around', () => {
  const seen = wholeOf(drawingOf(graph(), new Set()), 2)
  const around = { x: seen.x + seen.width / 4, y: seen.y + seen.height / 2 }
  const near = zoomed(seen, 2, around)
  expect(near.width).toBeCloseTo(seen.width / 2)
  expect((around.x - near.x) / near.width).toBeCloseTo(0.25)
  expect(seen.width / seen.height).toBeCloseTo(2)
})

test('a line over several levels goes around the boxes between', () => {
  const long = graph({
    nodes: [
      node({ id: 'a', ticket_id: 'a' }),
      node({ id: 'b', ticket_id: 'b', level: 1 }),
      node({ id: 'c', ticket_id: 'c', level: 2 }),
    ],
    edges: [
      { ticket: 'b', depends_on: 'a' },
      { ticket: 'c', depends_on: 'b' },
      { ticket: 'c', depends_on: 'a' },
    ],
    critical_path: ['a', 'b', 'c'],
  })
  const { spots, ways } = drawingOf(long, new Set())
  const between = spots.find((spot) => spot.key === 'b')
  const way = ways.find((one) => one.key === 'a c')
  expect(way?.via).toHaveLength(1)
  const y = way?.via[0]?.y ?? 0
  expect(y < (between?.y ?? 0) || y > (between?.y ?? 0) + BOX.height).toBe(true)
  expect(way?.isCritical).toBe(false)
})

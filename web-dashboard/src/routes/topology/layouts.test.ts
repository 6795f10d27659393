import { LAYOUTS } from '../../app/searches.ts'
import { type Hung, type Placed, placed, TILE } from './layouts.ts'

/** A cluster of so many machines, each with a worker and every fifth with a node. */
function cluster(count: number): Hung[] {
  const machines = Array.from({ length: count }, (_, index) => `machine ${index}`)
  const below = (parent: string, key: string, on: string | null = null): Hung => ({ key, parent, on })
  return [
    { key: 'head', parent: null, on: null },
    below('head', 'gateway'),
    ...machines.filter((_, index) => index % 5 === 0).map((one) => below('gateway', `node ${one}`, one)),
    below('head', 'scheduler'),
    ...machines.map((one) => below('scheduler', `worker ${one}`, one)),
    below('head', 'machines'),
    ...machines.map((one) => below('machines', one)),
  ]
}

/** Pairs of tiles that lie on each other. */
function clashes({ at }: Placed): string[] {
  const all = [...at]
  return all.flatMap(([name, a], index) =>
    all
      .slice(index + 1)
      .filter(([, b]) => Math.abs(a.x - b.x) < TILE.width && Math.abs(a.y - b.y) < TILE.height)
      .map(([other]) => `${name} on ${other}`),
  )
}

describe.each(LAYOUTS)('%s', (layout) => {
  test.each([0, 1, 2, 7, 50])('with %i machines no tile lies on another one, and all are inside', (count) => {
    const things = cluster(count)
    const drawing = placed(layout, things)
    expect([...drawing.at.keys()]).toEqual(things.map((thing) => thing.key))
    expect(clashes(drawing)).toEqual([])
    for (const { x, y } of drawing.at.values()) {
      expect(x).toBeGreaterThanOrEqual(TILE.width / 2 - 1)
      expect(x).toBeLessThanOrEqual(drawing.width - TILE.width / 2 + 1)
      expect(y).toBeGreaterThanOrEqual(TILE.height / 2 - 1)
      expect(y).toBeLessThanOrEqual(drawing.height - TILE.height / 2 + 1)
    }
  })

  test('the same things stand at the same places, whatever else is said of them', () => {
    expect(placed(layout, cluster(9))).toEqual(placed(layout, cluster(9)))
  })

  test('every link is drawn, and what runs on a machine is tied to it', () => {
    const { lines } = placed(layout, cluster(5))
    expect(lines.filter((line) => !line.isPlace)).toHaveLength(cluster(5).length - 1)
    expect(lines.filter((line) => line.isPlace)).toHaveLength(6)
  })

  test('nothing at all has a size, too', () => {
    const { width, height } = placed(layout, [])
    expect(width).toBe(TILE.width)
    expect(height).toBe(TILE.height)
  })
})

const spot = (drawing: Placed, key: string) => drawing.at.get(key) as { x: number; y: number }

test('a star has the head nearer to its middle than any leaf', () => {
  const drawing = placed('star', cluster(12))
  const away = (key: string) =>
    Math.hypot(
      spot(drawing, key).x - spot(drawing, 'head').x,
      (spot(drawing, key).y - spot(drawing, 'head').y) / 0.6,
    )
  expect(away('machine 3')).toBeGreaterThan(away('machines'))
  expect(away('machines')).toBeGreaterThan(0)
})

test('a hierarchy has each layer right of the one before, a tree below it', () => {
  const layers = placed('hierarchical', cluster(50))
  expect(spot(layers, 'head').x).toBeLessThan(spot(layers, 'scheduler').x)
  expect(spot(layers, 'scheduler').x).toBeLessThan(spot(layers, 'worker machine 0').x)
  const tree = placed('tree', cluster(50))
  expect(spot(tree, 'head').y).toBeLessThan(spot(tree, 'scheduler').y)
  expect(spot(tree, 'scheduler').y).toBeLessThan(spot(tree, 'worker machine 0').y)
})

test('in a mesh what is linked is nearer than what is not', () => {
  const drawing = placed('mesh', cluster(10))
  const between = (one: string, other: string) =>
    Math.hypot(spot(drawing, one).x - spot(drawing, other).x, spot(drawing, one).y - spot(drawing, other).y)
  expect(between('machine 3', 'worker machine 3')).toBeLessThan(between('machine 3', 'gateway'))
})

/** Where each thing stands, in five ways. Pure: the same things always stand at the same places. */
import type { LAYOUTS } from '../../app/searches.ts'
import type { Box } from '../../ui/window.ts'

export type Layout = (typeof LAYOUTS)[number]

export const TILE = { width: 180, height: 46 } as const
const PITCH = { x: TILE.width + 14, y: TILE.height + 14 } as const

/** What a layout has to know of a thing. */
export interface Hung {
  key: string
  parent: string | null
  on: string | null
}

export interface Point {
  x: number
  y: number
}

export interface Line {
  key: string
  from: Point
  to: Point
  /** A dashed one says that `from` runs on `to`. */
  isPlace: boolean
}

export interface Placed extends Box {
  /** Middle of each thing's tile, by its key. */
  at: ReadonlyMap<string, Point>
  lines: readonly Line[]
}

/** All of `things` placed; each must come after the one that it hangs on. */
export function placed(layout: Layout, things: readonly Hung[]): Placed {
  const spots = WAYS[layout](things)
  const points = spots.length > 0 ? spots : [{ x: 0, y: 0 }]
  const left = Math.min(...points.map(({ x }) => x)) - TILE.width / 2
  const top = Math.min(...points.map(({ y }) => y)) - TILE.height / 2
  const at = new Map(
    things.map((thing, index) => {
      const spot = spots[index] as Point
      return [thing.key, { x: Math.round(spot.x - left), y: Math.round(spot.y - top) }]
    }),
  )
  const width = Math.max(...points.map(({ x }) => x)) - left + TILE.width / 2
  const height = Math.max(...points.map(({ y }) => y)) - top + TILE.height / 2
  return { at, lines: linesOf(things, at), width, height }
}

function linesOf(things: readonly Hung[], at: ReadonlyMap<string, Point>): Line[] {
  return things.flatMap((thing) =>
    [thing.parent, thing.on].flatMap((other, index) => {
      const from = at.get(thing.key)
      const to = other === null ? undefined : at.get(other)
      return from && to ? [{ key: `${thing.key} ${index}`, from, to, isPlace: index === 1 }] : []
    }),
  )
}

type Way = (things: readonly Hung[]) => Point[]

interface Group {
  hub: number
  leaves: number[]
}

/** The head's children, each with what hangs on it, as places in `things`. */
function groupsOf(things: readonly Hung[]): Group[] {
  const head = things[0]?.key
  return things.flatMap((thing, hub) =>
    thing.parent === head && hub > 0
      ? [{ hub, leaves: things.flatMap((one, index) => (one.parent === thing.key ? [index] : [])) }]
      : [],
  )
}

const filled = (things: readonly Hung[]): Point[] => things.map(() => ({ x: 0, y: 0 }))

/** A column for each branch, and its leaves below it; a long branch takes several columns. */
const tree: Way = (things) => {
  const spots = filled(things)
  const groups = groupsOf(things)
  const rows = Math.max(3, Math.ceil(Math.sqrt(things.length * 1.2)))
  let x = 0
  for (const { hub, leaves } of groups) {
    const columns = Math.max(1, Math.ceil(leaves.length / rows))
    spots[hub] = { x: x + ((columns - 1) * PITCH.x) / 2, y: 1.7 * PITCH.y }
    leaves.forEach((leaf, index) => {
      const [column, row] = [index % columns, Math.floor(index / columns)]
      spots[leaf] = { x: x + column * PITCH.x, y: (3.2 + row) * PITCH.y }
    })
    x += columns * PITCH.x + 40
  }
  const hubs = groups.map(({ hub }) => (spots[hub] as Point).x)
  if (spots[0]) spots[0] = { x: hubs.length > 0 ? (Math.min(...hubs) + Math.max(...hubs)) / 2 : 0, y: 0 }
  return spots
}

/** A layer for each step away from the head, from left to right. */
const hierarchical: Way = (things) => {
  const spots = filled(things)
  const groups = groupsOf(things)
  const columns = Math.max(1, Math.round(Math.sqrt(things.length / 2.6)))
  let y = 0
  for (const { hub, leaves } of groups) {
    const rows = Math.max(1, Math.ceil(leaves.length / columns))
    spots[hub] = { x: 1.5 * PITCH.x, y: y + ((rows - 1) * PITCH.y) / 2 }
    leaves.forEach((leaf, index) => {
      const [column, row] = [Math.floor(index / rows), index % rows]
      spots[leaf] = { x: (3 + column) * PITCH.x, y: y + row * PITCH.y }
    })
    y += rows * PITCH.y + 24
  }
  if (spots[0]) spots[0] = { x: 0, y: Math.max(0, y - 24 - PITCH.y) / 2 }
  return spots
}

/** Rings are wider than high, as windows are. */
const FLAT = 0.6
/** Tiles of one ring never meet those of the next: the largest reach of a tile, measured as on the ring. */
const NEXT = Math.ceil(Math.hypot(PITCH.x, PITCH.y / FLAT))
const STEPS = 720

/** `count` points on the ring of `radius` from angle `start` on, as far from each other as tiles need. */
function along(count: number, radius: number, start: number, end: number): Point[] {
  const point = (angle: number) => ({ x: radius * Math.cos(angle), y: radius * FLAT * Math.sin(angle) })
  const ways = [0]
  for (let step = 1; step <= STEPS; step += 1) {
    const a = point(start + ((end - start) * (step - 1)) / STEPS)
    const b = point(start + ((end - start) * step) / STEPS)
    const way = Math.max(Math.abs(b.x - a.x) / PITCH.x, Math.abs(b.y - a.y) / PITCH.y)
    ways.push((ways[step - 1] as number) + way)
  }
  const whole = ways[STEPS] as number
  let step = 0
  return Array.from({ length: count }, (_, index) => {
    const wanted = (whole * (index + 0.5)) / count
    while (step < STEPS && (ways[step] as number) < wanted) step += 1
    return point(start + ((end - start) * step) / STEPS)
  })
}

/** How many tiles a piece of a ring holds: they need more of it where it is slanted. */
const room = (radius: number, share: number) =>
  Math.max(1, Math.floor(share * radius * 4 * (0.6 / PITCH.x + (0.7 * FLAT) / PITCH.y)))

/** The head in the middle, its branches around it, and the leaves of each beyond. */
const star: Way = (things) => {
  const spots = filled(things)
  const groups = groupsOf(things)
  const weights = groups.map(({ leaves }) => leaves.length + 2)
  const total = weights.reduce((sum, one) => sum + one, 0)
  let angle = -Math.PI
  groups.forEach(({ hub, leaves }, index) => {
    const share = (weights[index] as number) / total
    const end = angle + 2 * Math.PI * share
    spots[hub] = along(1, NEXT, angle, end)[0] as Point
    let radius = 2 * NEXT
    for (let done = 0; done < leaves.length; radius += NEXT) {
      const count = Math.min(leaves.length - done, room(radius, share))
      const points = along(count, radius, angle, end)
      points.forEach((point, at) => {
        spots[leaves[done + at] as number] = point
      })
      done += count
    }
    angle = end
  })
  return apart(spots)
}

const ON_A_RING = 26

/** All side by side on one ring; on several, one in another, where there are many. */
const ring: Way = (things) => {
  const rings = Math.max(1, Math.round(things.length / ON_A_RING))
  for (let first = NEXT; ; first += 20) {
    const radii = Array.from({ length: rings }, (_, index) => first + index * NEXT)
    const capacity = radii.map((radius) => room(radius, 1))
    if (capacity.reduce((sum, one) => sum + one, 0) < things.length) continue
    let left = things.length
    let free = capacity.reduce((sum, one) => sum + one, 0)
    const spots = radii.flatMap((radius, index) => {
      const own = capacity[index] as number
      const count = index === rings - 1 ? left : Math.round((left * own) / free)
      left -= count
      free -= own
      return along(count, radius, -Math.PI / 2, 1.5 * Math.PI)
    })
    return apart(spots)
  }
}

const ROUNDS = 160
const WANTED = 1.5
const MIDDLE = 1.2

/** What is linked draws together, everything else pushes away: a force relaxation from a fixed beginning. */
const mesh: Way = (things) => {
  const index = new Map(things.map((thing, at) => [thing.key, at]))
  const links = things.flatMap((thing, at) =>
    [thing.parent, thing.on].flatMap((other) => {
      const to = other === null ? undefined : index.get(other)
      return to === undefined ? [] : [[at, to] as const]
    }),
  )
  // In units of tiles, so that both ways count alike. A sunflower's spiral has no two at one place.
  const at = things.map((_, one) => {
    const [radius, angle] = [0.8 * Math.sqrt(one), one * 2.399963]
    return { x: radius * Math.cos(angle), y: radius * Math.sin(angle) }
  })
  for (let round = 0; round < ROUNDS; round += 1) relaxed(at, links, 1 - round / ROUNDS)
  return apart(at.map(({ x, y }) => ({ x: x * PITCH.x, y: y * PITCH.y * 1.5 })))
}

/** One round. No point goes further than `heat`. */
function relaxed(at: Point[], links: readonly (readonly [number, number])[], heat: number): void {
  const pushed = at.map(() => ({ x: 0, y: 0 }))
  const push = (one: number, other: number, force: (distance: number) => number) => {
    const [a, b] = [at[one] as Point, at[other] as Point]
    const [x, y] = [a.x - b.x, a.y - b.y]
    const distance = Math.max(0.01, Math.hypot(x, y))
    const much = force(distance) / distance
    const [p, q] = [pushed[one] as Point, pushed[other] as Point]
    p.x += x * much
    p.y += y * much
    q.x -= x * much
    q.y -= y * much
  }
  for (let one = 0; one < at.length; one += 1) {
    for (let other = 0; other < one; other += 1) push(one, other, (distance) => WANTED ** 2 / distance)
  }
  for (const [one, other] of links) push(one, other, (distance) => -(distance ** 2) / WANTED)
  at.forEach((point, one) => {
    const { x, y } = towardsMiddle(pushed[one] as Point, point)
    const length = Math.max(0.01, Math.hypot(x, y))
    const step = Math.min(length, heat)
    point.x += (x / length) * step
    point.y += (y / length) * step
  })
}

/** So that what hangs on little does not drift away. */
const towardsMiddle = (pushed: Point, { x, y }: Point): Point => ({
  x: pushed.x - x * MIDDLE,
  y: pushed.y - y * MIDDLE,
})

const MOST_PASSES = 400

/** Tiles that lie on each other are moved apart, the shorter way first. */
function apart(spots: Point[]): Point[] {
  for (let pass = 0; pass < MOST_PASSES; pass += 1) {
    let moved = false
    for (let one = 0; one < spots.length; one += 1) {
      for (let other = 0; other < one; other += 1) {
        const [a, b] = [spots[one] as Point, spots[other] as Point]
        const [x, y] = [a.x - b.x, a.y - b.y]
        const [overX, overY] = [PITCH.x - Math.abs(x), PITCH.y - Math.abs(y)]
        if (overX <= 0.5 || overY <= 0.5) continue
        moved = true
        if (overX < overY) shift(a, b, 'x', (x < 0 ? -1 : 1) * overX)
        else shift(a, b, 'y', (y < 0 ? -1 : 1) * overY)
      }
    }
    if (!moved) break
  }
  return spots
}

function shift(a: Point, b: Point, way: 'x' | 'y', by: number): void {
  a[way] += by / 2
  b[way] -= by / 2
}

const WAYS: Record<Layout, Way> = { star, mesh, ring, tree, hierarchical }

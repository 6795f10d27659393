/** Where the tickets of a plan stand when it is drawn: one column a level, in pixels. Pure. */
import type { Graph, GraphNode, TicketState } from '../../api/types.ts'
import { isOver } from './plans.ts'

export const BOX = { width: 172, height: 40 }
const GAP = { x: 56, y: 12 }
const HEAD = 34
/** A level with more tickets than this is drawn as one box until it is opened. */
export const WIDE = 10
/** Plans of at most so many tickets are drawn whole. */
const SMALL = 40

export interface Spot {
  key: string
  level: number
  x: number
  y: number
  /** The ticket, or those that a closed level stands for. */
  nodes: readonly GraphNode[]
  isClosed: boolean
  isCritical: boolean
}

export interface Way {
  key: string
  from: Spot
  to: Spot
  /** Left ends of the gaps that it goes through where other boxes stand between. */
  via: readonly { x: number; y: number }[]
  isCritical: boolean
}

export interface Column {
  level: number
  x: number
  count: number
  isClosed: boolean
  /** Whether it can be closed and opened at all. */
  canClose: boolean
}

export interface Drawing {
  spots: readonly Spot[]
  ways: readonly Way[]
  columns: readonly Column[]
  width: number
  height: number
}

export function levelsOf(graph: Graph): GraphNode[][] {
  const levels: GraphNode[][] = []
  for (const node of graph.nodes) {
    const level = levels[node.level] ?? []
    levels[node.level] = [...level, node]
  }
  return Array.from(levels, (level) => level ?? [])
}

/** Levels that are closed before anybody opened one. */
export function closedAtFirst(graph: Graph): ReadonlySet<number> {
  if (graph.nodes.length <= SMALL) return new Set()
  const counts = new Map<number, number>()
  for (const { level } of graph.nodes) counts.set(level, (counts.get(level) ?? 0) + 1)
  return new Set([...counts].filter(([, count]) => count > WIDE).map(([level]) => level))
}

/** What stands in a column: a box, or the way of a line that goes on behind it. */
interface Item {
  level: number
  y: number
  height: number
  spot: Spot | null
  /** Whose lines pass here: the key of their box. */
  from: string
}

export function drawingOf(graph: Graph, closed: ReadonlySet<number>): Drawing {
  const critical = new Set(graph.critical_path)
  const parents = parentsOf(graph)
  const placed = new Map<string, Spot>()
  const columns: Column[] = []
  const items: Item[] = []
  const furthest = furthestOf(graph)
  let passing = new Map<string, Pass>()
  levelsOf(graph).forEach((nodes, level) => {
    const x = level * (BOX.width + GAP.x)
    const isClosed = closed.has(level)
    columns.push({ level, x, count: nodes.length, isClosed, canClose: nodes.length > 1 })
    const groups = isClosed ? [nodes] : nodes.map((node) => [node])
    const wanted = groups.map((group): Wanted => {
      const key = isClosed ? `level-${level}` : (group[0]?.ticket_id ?? '')
      const isCritical = group.some((node) => critical.has(node.id))
      const spot = { key, level, x, y: 0, nodes: group, isClosed, isCritical }
      return { at: middle(group, parents, placed), height: BOX.height, from: '', spot }
    })
    const ways = [...passing].filter(([, pass]) => pass.until > level).slice(0, MOST_PASSING)
    const passes = ways.map(([from, pass]): Wanted => ({ at: pass.y, height: PASS, from, spot: null }))
    const column = stacked([...wanted, ...passes], level)
    items.push(...column)
    passing = new Map(column.flatMap((item) => goingOn(item, passing, furthest)))
    for (const { spot } of column) for (const node of spot?.nodes ?? []) placed.set(node.id, spot as Spot)
  })
  const tallest = Math.max(HEAD + BOX.height, ...items.map((item) => item.y + item.height))
  const settled = centred(items, tallest)
  const spots = settled.flatMap((item) => (item.spot ? [item.spot] : []))
  return {
    spots,
    ways: waysOf(graph, spots, settled),
    columns,
    width: Math.max(BOX.width, columns.length * (BOX.width + GAP.x) - GAP.x),
    height: tallest,
  }
}

/** Room for a line, and how many of them a column makes room for; the rest go the straight way. */
const PASS = 8
const MOST_PASSING = 12

type Wanted = Omit<Item, 'level' | 'y'> & { at: number }

/** Lines that have not arrived: where they are now, and at which level the last of them does. */
interface Pass {
  y: number
  until: number
}

/** By a ticket's name: the level of the last one that depends on it. */
function furthestOf(graph: Graph): Map<string, number> {
  const levels = new Map(graph.nodes.map((node) => [node.id, node.level]))
  const furthest = new Map<string, number>()
  for (const { ticket, depends_on: parent } of graph.edges) {
    furthest.set(parent, Math.max(furthest.get(parent) ?? 0, levels.get(ticket) ?? 0))
  }
  return furthest
}

/** Where boxes would like to stand: beside what they depend on (the barycentre of Sugiyama's method). */
function middle(group: readonly GraphNode[], parents: Map<string, string[]>, placed: Map<string, Spot>) {
  const heights = group.flatMap((node) =>
    (parents.get(node.id) ?? []).flatMap((id) => {
      const spot = placed.get(id)
      return spot ? [spot.y + BOX.height / 2] : []
    }),
  )
  return heights.length === 0 ? 0 : heights.reduce((sum, one) => sum + one, 0) / heights.length
}

/** One below the other, in the order of where they would like to stand. */
function stacked(wanted: readonly Wanted[], level: number): Item[] {
  let y = HEAD
  return [...wanted]
    .sort((one, other) => one.at - other.at)
    .map(({ height, from, spot }) => {
      const item = { level, y, height, from, spot: spot ? { ...spot, y } : null }
      y += height + GAP.y
      return item
    })
}

function goingOn(item: Item, passing: Map<string, Pass>, furthest: Map<string, number>): [string, Pass][] {
  const y = item.y + item.height / 2
  if (!item.spot) {
    const until = passing.get(item.from)?.until ?? 0
    return until > item.level ? [[item.from, { y, until }]] : []
  }
  const until = Math.max(...item.spot.nodes.map((node) => furthest.get(node.id) ?? 0))
  return until > item.level + 1 ? [[item.spot.key, { y, until }]] : []
}

function parentsOf(graph: Graph): Map<string, string[]> {
  const parents = new Map<string, string[]>()
  for (const { ticket, depends_on: parent } of graph.edges) {
    const known = parents.get(ticket)
    if (known) known.push(parent)
    else parents.set(ticket, [parent])
  }
  return parents
}

/** Above this, in pixels, the middle of a column is out of sight from its beginning. */
const TALL = 1200

/** Short columns stand in the middle of the tallest one, as long as that can be seen as a whole. */
function centred(items: readonly Item[], tallest: number): readonly Item[] {
  if (tallest > TALL) return items
  const bottoms = new Map<number, number>()
  for (const { level, y, height } of items) bottoms.set(level, Math.max(bottoms.get(level) ?? 0, y + height))
  return items.map((item) => {
    const y = item.y + (tallest - (bottoms.get(item.level) ?? tallest)) / 2
    return { ...item, y, spot: item.spot ? { ...item.spot, y } : null }
  })
}

/** One line for each pair of boxes, however many tickets it stands for. */
function waysOf(graph: Graph, spots: readonly Spot[], items: readonly Item[]): Way[] {
  const spotOf = new Map(spots.flatMap((spot) => spot.nodes.map((node) => [node.id, spot])))
  const passes = new Map(
    items.filter((item) => !item.spot).map((item) => [`${item.from} ${item.level}`, item]),
  )
  const steps = new Set(
    graph.critical_path.slice(1).map((id, index) => `${graph.critical_path[index]} ${id}`),
  )
  const ways = new Map<string, Way>()
  for (const { ticket, depends_on: parent } of graph.edges) {
    const [from, to] = [spotOf.get(parent), spotOf.get(ticket)]
    if (!from || !to) continue
    const key = `${from.key} ${to.key}`
    const isCritical = steps.has(`${parent} ${ticket}`) || (ways.get(key)?.isCritical ?? false)
    const via = Array.from({ length: Math.max(0, to.level - from.level - 1) }, (_, index) => {
      const level = from.level + 1 + index
      const pass = passes.get(`${from.key} ${level}`)
      return pass ? [{ x: level * (BOX.width + GAP.x), y: pass.y + pass.height / 2 }] : []
    }).flat()
    ways.set(key, { key, from, to, via, isCritical })
  }
  // What is critical is drawn last, above the rest.
  return [...ways.values()].sort((one, other) => Number(one.isCritical) - Number(other.isCritical))
}

/** A line from the right edge of one box to the left edge of another, around what stands between them. */
export function curve({ from, to, via }: Way): string {
  let [x, y] = [from.x + BOX.width, from.y + BOX.height / 2]
  let path = `M${x} ${y}`
  const bend = (toX: number, toY: number) => {
    const reach = Math.max(24, (toX - x) / 2)
    path += `C${x + reach} ${y} ${toX - reach} ${toY} ${toX} ${toY}`
  }
  for (const point of via) {
    bend(point.x, point.y)
    path += `h${BOX.width}`
    ;[x, y] = [point.x + BOX.width, point.y]
  }
  bend(to.x, to.y + BOX.height / 2)
  return path
}

const BAD = new Set<TicketState>(['failed', 'dead'])

/** How the tickets of a closed level stand: over, gone wrong, under way or waiting. */
export function standing(nodes: readonly GraphNode[]) {
  const bad = nodes.filter((node) => BAD.has(node.status)).length
  const over = nodes.filter((node) => isOver(node.status)).length
  return { bad, over, open: nodes.length - over }
}

/** What of the drawing is seen. */

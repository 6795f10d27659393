/** Where the tickets of a plan stand when it is drawn: one column a level, in pixels. Pure. */
import type { Graph, GraphNode, TicketState } from '../../api/types.ts'
import { isOver } from './plans.ts'

export const BOX = { width: 172, height: 40 }
const GAP = { x: 76, y: 12 }
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

export function drawingOf(graph: Graph, closed: ReadonlySet<number>): Drawing {
  const critical = new Set(graph.critical_path)
  const parents = parentsOf(graph)
  const spotOf = new Map<string, Spot>()
  const spots: Spot[] = []
  const columns: Column[] = []
  levelsOf(graph).forEach((nodes, level) => {
    const x = level * (BOX.width + GAP.x)
    const isClosed = closed.has(level)
    columns.push({ level, x, count: nodes.length, isClosed, canClose: nodes.length > 1 })
    const groups = isClosed ? [nodes] : ordered(nodes, parents, spotOf).map((node) => [node])
    groups.forEach((group, index) => {
      const spot: Spot = {
        key: isClosed ? `level-${level}` : (group[0]?.ticket_id ?? ''),
        level,
        x,
        y: HEAD + index * (BOX.height + GAP.y),
        nodes: group,
        isClosed,
        isCritical: group.some((node) => critical.has(node.id)),
      }
      spots.push(spot)
      for (const node of group) spotOf.set(node.id, spot)
    })
  })
  const tallest = Math.max(HEAD + BOX.height, ...spots.map((spot) => spot.y + BOX.height))
  const settled = centred(spots, tallest)
  return {
    spots: settled,
    ways: waysOf(graph, new Map(settled.flatMap((spot) => spot.nodes.map((node) => [node.id, spot])))),
    columns,
    width: Math.max(BOX.width, columns.length * (BOX.width + GAP.x) - GAP.x),
    height: tallest,
  }
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

/** Each ticket beside what it depends on, so that few lines cross (the barycentre of Sugiyama's method). */
function ordered(nodes: readonly GraphNode[], parents: Map<string, string[]>, placed: Map<string, Spot>) {
  const middle = (node: GraphNode) => {
    const heights = (parents.get(node.id) ?? []).flatMap((id) => placed.get(id)?.y ?? [])
    return heights.length === 0 ? 0 : heights.reduce((sum, one) => sum + one, 0) / heights.length
  }
  const at = new Map(nodes.map((node) => [node.id, middle(node)]))
  return [...nodes].sort((one, other) => (at.get(one.id) ?? 0) - (at.get(other.id) ?? 0))
}

/** Short columns stand in the middle of the tallest one. */
function centred(spots: readonly Spot[], tallest: number): Spot[] {
  const bottoms = new Map<number, number>()
  for (const { level, y } of spots) bottoms.set(level, Math.max(bottoms.get(level) ?? 0, y + BOX.height))
  return spots.map((spot) => ({ ...spot, y: spot.y + (tallest - (bottoms.get(spot.level) ?? tallest)) / 2 }))
}

/** One line for each pair of boxes, however many tickets it stands for. */
function waysOf(graph: Graph, spotOf: Map<string, Spot>): Way[] {
  const steps = new Set(
    graph.critical_path.slice(1).map((id, index) => `${graph.critical_path[index]} ${id}`),
  )
  const ways = new Map<string, Way>()
  for (const { ticket, depends_on: parent } of graph.edges) {
    const [from, to] = [spotOf.get(parent), spotOf.get(ticket)]
    if (!from || !to) continue
    const key = `${from.key} ${to.key}`
    const isCritical = steps.has(`${parent} ${ticket}`) || (ways.get(key)?.isCritical ?? false)
    ways.set(key, { key, from, to, isCritical })
  }
  // What is critical is drawn last, above the rest.
  return [...ways.values()].sort((one, other) => Number(one.isCritical) - Number(other.isCritical))
}

/** A line from the right edge of one box to the left edge of another. */
export function curve({ from, to }: Way): string {
  const [x1, y1] = [from.x + BOX.width, from.y + BOX.height / 2]
  const [x2, y2] = [to.x, to.y + BOX.height / 2]
  const bend = Math.max(24, (x2 - x1) / 2)
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`
}

const BAD = new Set<TicketState>(['failed', 'dead'])

/** How the tickets of a closed level stand: over, gone wrong, under way or waiting. */
export function standing(nodes: readonly GraphNode[]) {
  const bad = nodes.filter((node) => BAD.has(node.status)).length
  const over = nodes.filter((node) => isOver(node.status)).length
  return { bad, over, open: nodes.length - over }
}

/** What of the drawing is seen. */
export interface Window {
  x: number
  y: number
  width: number
  height: number
}

const MARGIN = 16

/** All of it, in a frame of `shape` (width / height). */
export function wholeOf(drawing: Drawing, shape: number): Window {
  const width = drawing.width + 2 * MARGIN
  const height = drawing.height + 2 * MARGIN
  const seen = width / height > shape ? { width, height: width / shape } : { width: height * shape, height }
  return { x: -MARGIN - (seen.width - width) / 2, y: -MARGIN - (seen.height - height) / 2, ...seen }
}

/** Closer by `factor` (> 1) or further away, around a point of the drawing. */
export function zoomed(seen: Window, factor: number, around: { x: number; y: number }): Window {
  const width = Math.min(60_000, Math.max(160, seen.width / factor))
  const scale = width / seen.width
  return {
    x: around.x - (around.x - seen.x) * scale,
    y: around.y - (around.y - seen.y) * scale,
    width,
    height: seen.height * scale,
  }
}

/** What the nodes have and what is on its way to them. Sizes in bytes. */
import { queryOptions, replaceEqualDeep, useQuery } from '@tanstack/react-query'
import { useMemo, useRef } from 'react'
import { api, sent } from '../../api/client.ts'
import { queries } from '../../api/session.ts'
import type { Model, NodeState, Overview, Pin, Pull, PullPart, PullState } from '../../api/types.ts'
import { useOverview } from '../../api/useLive.ts'
import type { Key } from '../../i18n/index.ts'
import type { Look } from '../../ui/states.ts'

const RUNNING_MS = 1000
const RESTING_MS = 10_000

/** Asked every second while one is on its way. */
export const pullsQuery = queryOptions({
  queryKey: ['pulls'],
  queryFn: async () => (await sent(api.GET('/api/v1/pulls'))).items,
  refetchInterval: (query) => (query.state.data?.some(isMoving) ? RUNNING_MS : RESTING_MS),
  staleTime: 0,
})

export const pinsQuery = queryOptions({
  queryKey: ['pins'],
  queryFn: async () => (await sent(api.GET('/api/v1/pins'))).items,
  refetchInterval: RESTING_MS,
})

/** Reads the model's header at its registry: asked only when somebody looks. */
export const fitQuery = (model: string, context: number) =>
  queryOptions({
    queryKey: ['fit', model, context],
    queryFn: async () => {
      const params = { path: { model }, query: { context } }
      return (await sent(api.GET('/api/v1/catalog/{model}/fit', { params }))).items
    },
  })

export interface LibraryAsked {
  words: string
  category: string
  capability: string
  fits: boolean
  lang: 'en' | 'pt-BR'
}

export const libraryQuery = (asked: LibraryAsked) =>
  queryOptions({
    queryKey: ['library', asked],
    queryFn: () => sent(api.GET('/api/v1/catalog', { params: { query: asked } })),
    placeholderData: (before) => before,
  })

export const updatesQuery = queryOptions({
  queryKey: ['model-updates'],
  queryFn: async () => (await sent(api.GET('/api/v1/updates'))).items,
  staleTime: 0,
})

/** A model as one node has it. */
export interface Copy {
  loaded: boolean
  context: number
  slots: number
  digest: string
}

export interface Holder {
  name: string
  state: NodeState
}

/** What the live picture says of models. */
export interface Picture {
  models: readonly Model[]
  nodes: readonly Holder[]
  /** By node, tokens a second that it wrote lately, with whatever models it has; null before its first answer. */
  speeds: Readonly<Record<string, number | null>>
  /** By node and model. */
  copies: Readonly<Record<string, Readonly<Record<string, Copy>>>>
  /** Whether the gateway answers; else all this is as it was last known. */
  isFresh: boolean
}

export function pictureOf(overview: Overview): Picture {
  return {
    models: overview.models,
    nodes: overview.nodes.map(({ name, state }) => ({ name, state })),
    speeds: Object.fromEntries(
      overview.nodes.map(({ name, tokens_per_second: speed }) => [
        name,
        // To two figures: each answer changes the rest, and nothing that anybody reads.
        speed == null ? null : Number(speed.toPrecision(2)),
      ]),
    ),
    copies: Object.fromEntries(
      overview.nodes.map((node) => [
        node.name,
        Object.fromEntries(
          node.models.map(({ name, loaded, context_length: context, slots, digest }) => [
            name,
            { loaded, context, slots, digest },
          ]),
        ),
      ]),
    ),
    isFresh: overview.gateway_reachable,
  }
}

/** The same object for as long as nothing changes: a picture comes every second, and tables may be long. */
export function usePicture(): Picture | null {
  const overview = useOverview()
  const kept = useRef<{ of: Overview; picture: Picture } | null>(null)
  if (!overview) return null
  if (kept.current?.of !== overview) {
    const picture = replaceEqualDeep(kept.current?.picture, pictureOf(overview))
    kept.current = { of: overview, picture }
  }
  return kept.current.picture
}

/** A name with its tag, as nodes list it. Pure. */
export function fullName(name: string): string {
  const last = name.slice(name.lastIndexOf('/') + 1)
  return last.includes(':') ? name : `${name}:latest`
}

export type CellState = 'absent' | 'disk' | 'loaded' | 'queued' | 'pulling' | 'paused' | 'failed'

export const CELL: Record<CellState, Look> = {
  absent: { tone: 'idle', icon: 'minus', word: 'models.at.absent' },
  disk: { tone: 'idle', icon: 'disk', word: 'models.at.disk' },
  loaded: { tone: 'ok', icon: 'bolt', word: 'models.at.loaded' },
  queued: { tone: 'busy', icon: 'clock', word: 'models.at.queued' },
  pulling: { tone: 'busy', icon: 'download', word: 'models.at.pulling' },
  paused: { tone: 'warn', icon: 'pause', word: 'models.at.paused' },
  failed: { tone: 'bad', icon: 'cross', word: 'models.at.failed' },
}

export const PULL: Record<PullState, Look> = {
  queued: { tone: 'busy', icon: 'clock', word: 'models.pull.queued' },
  running: { tone: 'busy', icon: 'download', word: 'models.pull.running' },
  paused: { tone: 'warn', icon: 'pause', word: 'models.pull.paused' },
  done: { tone: 'ok', icon: 'check', word: 'models.pull.done' },
  failed: { tone: 'bad', icon: 'cross', word: 'models.pull.failed' },
  cancelled: { tone: 'idle', icon: 'stop', word: 'models.pull.cancelled' },
}

/** Words of what a model can do; those that are none of these are shown as they come. */
export const ABILITY = {
  chat: 'models.can.chat',
  completion: 'models.can.chat',
  code: 'models.can.code',
  embedding: 'models.can.embedding',
  insert: 'models.can.insert',
  thinking: 'models.can.thinking',
  tools: 'models.can.tools',
  vision: 'models.can.vision',
} as const satisfies Record<string, Key>

/** The word of an ability, where there is one. */
export const abilityKey = (ability: string): Key | undefined => (ABILITY as Record<string, Key>)[ability]

const OPEN: readonly PullState[] = ['queued', 'running', 'paused']

/** Not ended: it runs, or may go on. */
export const isOpen = ({ state }: { state: PullState }): boolean => OPEN.includes(state)
const isMoving = ({ state }: { state: PullState }): boolean => state === 'queued' || state === 'running'

/** How much of it a node has. `total` is 0 while nobody knows. Pure. */
export function amount(part: PullPart, size: number): { done: number; total: number } {
  const done = part.layers.reduce((sum, layer) => sum + layer.completed, 0)
  const known = part.layers.reduce((sum, layer) => sum + layer.total, 0)
  const total = Math.max(size, known)
  return part.state === 'done' ? { done: total, total } : { done: Math.min(done, total || done), total }
}

/** How much of a pull all its nodes have together. Pure. */
export function amountOf(pull: Pull): { done: number; total: number } {
  const each = pull.parts.map((part) => amount(part, pull.size))
  return {
    done: each.reduce((sum, one) => sum + one.done, 0),
    total: each.reduce((sum, one) => sum + one.total, 0),
  }
}

/** A model in one node's column. `share` in [0, 1] of what is on its way; null where nothing is. */
export interface Cell {
  state: CellState
  isPinned: boolean
  share: number | null
  pullId: string
}

export interface Row {
  name: string
  /** Null while it is only on its way. */
  model: Model | null
  cells: Readonly<Record<string, Cell>>
}

/** The newest part of each node in the pulls of each model; `pulls` are the newest first. Pure. */
export function partsOf(pulls: readonly Pull[]): Map<string, { pull: Pull; part: PullPart }> {
  const found = new Map<string, { pull: Pull; part: PullPart }>()
  for (const pull of pulls) {
    for (const part of pull.parts) {
      const key = `${part.node} ${fullName(pull.model)}`
      if (!found.has(key)) found.set(key, { pull, part })
    }
  }
  return found
}

/** Every model, held or on its way, with how it stands at each node. Pure. */
export function rowsOf(picture: Picture, pulls: readonly Pull[], pins: readonly Pin[]): Row[] {
  const parts = partsOf(pulls)
  const pinned = new Set(pins.map((pin) => `${pin.node} ${fullName(pin.model)}`))
  const known = new Map<string, Model | null>(picture.models.map((model) => [model.name, model]))
  for (const pull of pulls) {
    const name = fullName(pull.model)
    if (isOpen(pull) && !known.has(name)) known.set(name, null)
  }
  return [...known].map(([name, model]) => ({
    name,
    model,
    cells: Object.fromEntries(
      picture.nodes.map((node) => {
        const key = `${node.name} ${fullName(name)}`
        return [node.name, cellOf(picture.copies[node.name]?.[name], parts.get(key), pinned.has(key))]
      }),
    ),
  }))
}

function cellOf(
  copy: Copy | undefined,
  moving: { pull: Pull; part: PullPart } | undefined,
  isPinned: boolean,
): Cell {
  const { pull, part } = moving ?? {}
  const resting: CellState = copy ? (copy.loaded ? 'loaded' : 'disk') : 'absent'
  const pullId = pull?.id ?? ''
  if (!pull || !part || part.state === 'done' || part.state === 'cancelled')
    return { state: resting, isPinned, share: null, pullId: '' }
  if (part.state === 'failed')
    return { state: copy ? resting : 'failed', isPinned, share: null, pullId: copy ? '' : pullId }
  const { done, total } = amount(part, pull.size)
  const state = part.state === 'running' ? 'pulling' : part.state
  return { state, isPinned, share: total > 0 && done > 0 ? done / total : null, pullId }
}

export interface Filter {
  q: string
  capability: string
  node: string
}

/** Which rows are meant. A node: those that it has, or that are on their way to it. Pure. */
export function filtered(rows: readonly Row[], { q, capability, node }: Filter): readonly Row[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0 && !capability && !node) return rows
  return rows.filter((row) => {
    const text = `${row.name} ${row.model?.family ?? ''} ${row.model?.quantization ?? ''}`.toLowerCase()
    return (
      words.every((word) => text.includes(word)) &&
      (!capability || (row.model?.capabilities ?? []).includes(capability)) &&
      (!node || (row.cells[node]?.state ?? 'absent') !== 'absent')
    )
  })
}

/** The rows of the page, the same while nothing changes. */
export function useRows(picture: Picture | null): { rows: readonly Row[]; isPartial: boolean } {
  const pulls = useQuery(pullsQuery)
  const pins = useQuery(pinsQuery)
  const kept = useRef<readonly Row[]>([])
  const rows = useMemo(() => {
    const fresh = picture ? rowsOf(picture, pulls.data ?? [], pins.data ?? []) : []
    kept.current = replaceEqualDeep(kept.current, fresh)
    return kept.current
  }, [picture, pulls.data, pins.data])
  return { rows, isPartial: pulls.isError || pins.isError }
}

export const again = (...keys: string[]) =>
  Promise.all(keys.map((key) => queries.invalidateQueries({ queryKey: [key] })))

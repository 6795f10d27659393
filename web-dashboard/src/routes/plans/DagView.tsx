import { useNavigate } from '@tanstack/react-router'
import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../i18n/useFormat.ts'
import { IconPath } from '../../ui/icons.tsx'
import { ToolButton } from './DagPanel.tsx'
import {
  BOX,
  type Column,
  curve,
  type Drawing,
  type Spot,
  standing,
  type Window,
  wholeOf,
  zoomed,
} from './dag.ts'
import css from './plans.module.css'
import { TICKET } from './plans.ts'

const STEP = 1.3
/** Pixels of the frame: as high as what is drawn, within these. */
const LOWEST = 220
const TALLEST = 560
/** Nobody reads boxes smaller than this many pixels for one of theirs: a large plan begins at its beginning. */
const SMALLEST = 0.7
/** A pointer that moved less than this, in pixels, was a click. */
const STILL = 4

interface DagViewProps {
  drawing: Drawing
  onToggle: (level: number) => void
  legend: ReactNode
  children: ReactNode
}

/** The drawing in a frame that is moved and zoomed by pointer, wheel, buttons and keys. */
export function DagView({ drawing, onToggle, legend, children }: DagViewProps) {
  const { t } = useTranslation()
  const frame = useRef<SVGSVGElement>(null)
  const size = useSize(frame)
  const [seen, setSeen] = useState<Window | null>(null)
  const shown = seen ?? firstOf(drawing, size)
  const centre = { x: shown.x + shown.width / 2, y: shown.y + shown.height / 2 }
  const zoom = (factor: number, around = centre) => setSeen(zoomed(shown, factor, around))
  const move = (x: number, y: number) => setSeen({ ...shown, x: shown.x + x, y: shown.y + y })
  const drag = useDrag(shown, size, setSeen)
  useWheel(frame, (factor, px, py) =>
    zoom(factor, { x: shown.x + px * shown.width, y: shown.y + py * shown.height }),
  )
  const onKeyDown = (event: KeyboardEvent) => {
    const act = KEYS[event.key]
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    if (act === 'whole') setSeen(wholeOf(drawing, size.width / size.height))
    else if (typeof act === 'number') zoom(act)
    else move(act[0] * shown.width * 0.12, act[1] * shown.height * 0.12)
  }
  return (
    <div className={css.dag}>
      <div className={css.dagTools}>
        <ToolButton icon="plus" label={t('dag.closer')} onClick={() => zoom(STEP)} />
        <ToolButton icon="minus" label={t('dag.further')} onClick={() => zoom(1 / STEP)} />
        <ToolButton
          icon="fit"
          label={t('dag.whole')}
          onClick={() => setSeen(wholeOf(drawing, size.width / size.height))}
        />
        {children}
        {legend}
      </div>
      {/* biome-ignore-start lint/a11y/noNoninteractiveTabindex: a region that is moved by keys must be reachable by them */}
      {/* biome-ignore-start lint/a11y/noNoninteractiveElementInteractions: the same by buttons above */}
      <section
        className={css.dagFrame}
        aria-label={t('dag.label')}
        tabIndex={0}
        onKeyDown={onKeyDown}
        {...drag}
      >
        {/* biome-ignore lint/a11y/noSvgWithoutTitle: the section around it is named, and so is each box */}
        <svg
          ref={frame}
          className={css.dagSvg}
          style={{ height: Math.min(TALLEST, Math.max(LOWEST, drawing.height + 72)) }}
          viewBox={`${shown.x} ${shown.y} ${shown.width} ${shown.height}`}
          preserveAspectRatio="xMidYMid meet"
        >
          <g>
            {drawing.ways.map((way) => (
              <path key={way.key} d={curve(way)} className={way.isCritical ? css.wayCritical : css.way} />
            ))}
          </g>
          {drawing.columns.map((column) => (
            <ColumnHead key={column.level} column={column} onToggle={onToggle} />
          ))}
          {drawing.spots.map((spot) =>
            spot.isClosed ? (
              <ClosedBox key={spot.key} spot={spot} onToggle={onToggle} />
            ) : (
              <TicketBox key={spot.key} spot={spot} />
            ),
          )}
        </svg>
      </section>
      {/* biome-ignore-end lint/a11y/noNoninteractiveElementInteractions: see above */}
      {/* biome-ignore-end lint/a11y/noNoninteractiveTabindex: see above */}
      <p className={css.dagHint}>{t('dag.keys')}</p>
    </div>
  )
}

const KEYS: Record<string, number | 'whole' | readonly [number, number]> = {
  '+': STEP,
  '=': STEP,
  '-': 1 / STEP,
  '0': 'whole',
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

interface Size {
  width: number
  height: number
}

/** All of it where that can be read, else its beginning. */
function firstOf(drawing: Drawing, size: Size): Window {
  const whole = wholeOf(drawing, size.width / size.height)
  if (size.width / whole.width >= SMALLEST) {
    // Never larger than drawn: three tickets do not fill a wall.
    const scale = Math.max(1, size.width / whole.width)
    return zoomed(whole, 1 / scale, { x: drawing.width / 2, y: drawing.height / 2 })
  }
  const [width, height] = [size.width / SMALLEST, size.height / SMALLEST]
  return { x: -16, y: drawing.height > height ? -16 : (drawing.height - height) / 2, width, height }
}

function useSize(frame: React.RefObject<SVGSVGElement | null>): Size {
  const [size, setSize] = useState<Size>({ width: 900, height: 460 })
  useEffect(() => {
    const svg = frame.current
    if (!svg) return
    const watch = new ResizeObserver(() => {
      const { width, height } = svg.getBoundingClientRect()
      if (width > 0 && height > 0) setSize({ width, height })
    })
    watch.observe(svg)
    return () => watch.disconnect()
  }, [frame])
  return size
}

/** A listener of React's own is passive, and could not keep the page from scrolling. */
function useWheel(
  frame: React.RefObject<SVGSVGElement | null>,
  onZoom: (factor: number, x: number, y: number) => void,
) {
  const newest = useRef(onZoom)
  newest.current = onZoom
  useEffect(() => {
    const svg = frame.current
    if (!svg) return
    const wheel = (event: WheelEvent) => {
      // Without Ctrl the wheel scrolls the page, as everywhere.
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      const box = svg.getBoundingClientRect()
      const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
      newest.current(Math.exp(-event.deltaY / 300), x, y)
    }
    svg.addEventListener('wheel', wheel, { passive: false })
    return () => svg.removeEventListener('wheel', wheel)
  }, [frame])
}

function useDrag(shown: Window, size: Size, onMove: (seen: Window) => void) {
  const held = useRef<{ x: number; y: number; from: Window; moved: boolean } | null>(null)
  return {
    onPointerDown: (event: PointerEvent) => {
      if (event.button !== 0) return
      held.current = { x: event.clientX, y: event.clientY, from: shown, moved: false }
    },
    onPointerMove: (event: PointerEvent) => {
      const grip = held.current
      if (!grip) return
      const [x, y] = [event.clientX - grip.x, event.clientY - grip.y]
      if (!grip.moved && Math.hypot(x, y) < STILL) return
      grip.moved = true
      const scale = grip.from.width / size.width
      onMove({ ...grip.from, x: grip.from.x - x * scale, y: grip.from.y - y * scale })
    },
    onPointerUp: () => {
      // The click that ends a drag comes after this and is no click on a box.
      const moved = held.current?.moved ?? false
      if (!moved) held.current = null
      else setTimeout(() => (held.current = null))
    },
    onPointerLeave: () => {
      held.current = null
    },
    onClickCapture: (event: React.MouseEvent) => {
      if (!held.current?.moved) return
      event.preventDefault()
      event.stopPropagation()
    },
    // Links are dragged by browsers themselves.
    onDragStart: (event: React.DragEvent) => event.preventDefault(),
  }
}

/** Enter and space, as on a button. */
const pressed = (act: () => void) => (event: KeyboardEvent) => {
  if (event.key !== 'Enter' && event.key !== ' ') return
  event.preventDefault()
  act()
}

function ColumnHead({ column, onToggle }: { column: Column; onToggle: (level: number) => void }) {
  const { t } = useTranslation()
  const words = t('dag.level', { level: column.level + 1, count: column.count })
  const text = (
    <text x={column.x} y={12} className={css.columnHead}>
      {column.canClose ? `${column.isClosed ? '▸' : '▾'} ` : ''}
      {words}
    </text>
  )
  if (!column.canClose) return text
  const toggle = () => onToggle(column.level)
  return (
    // biome-ignore lint/a11y/useSemanticElements: a button of HTML cannot stand in a drawing
    <g
      role="button"
      tabIndex={0}
      aria-expanded={!column.isClosed}
      aria-label={words}
      className={css.boxButton}
      onClick={toggle}
      onKeyDown={pressed(toggle)}
    >
      <rect x={column.x - 4} y={-4} width={BOX.width} height={24} className={css.headHit} />
      {text}
    </g>
  )
}

function ClosedBox({ spot, onToggle }: { spot: Spot; onToggle: (level: number) => void }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { bad, over, open } = standing(spot.nodes)
  const total = spot.nodes.length
  const words = [
    t('dag.closed', { count: total }),
    t('plan.done', { done: format.number(over, 0), total: format.number(total, 0) }),
    bad > 0 ? t('plan.failed_count', { count: bad }) : '',
  ]
  const toggle = () => onToggle(spot.level)
  const width = BOX.width - 20
  return (
    // biome-ignore lint/a11y/useSemanticElements: a button of HTML cannot stand in a drawing
    <g
      role="button"
      tabIndex={0}
      aria-label={`${words.filter(Boolean).join(', ')}. ${t('dag.open')}`}
      className={css.boxButton}
      data-critical={spot.isCritical || undefined}
      transform={`translate(${spot.x} ${spot.y})`}
      onClick={toggle}
      onKeyDown={pressed(toggle)}
    >
      <rect x={5} y={-5} width={BOX.width - 10} height={BOX.height} rx={8} className={css.boxBehind} />
      <rect width={BOX.width} height={BOX.height} rx={8} className={css.box} />
      <text x={10} y={17} className={css.boxName}>
        {words[0]}
      </text>
      <text x={BOX.width - 10} y={17} textAnchor="end" className={css.boxNote}>
        {bad > 0 ? `${bad} ✕` : open > 0 ? `${format.number(over, 0)} ✓` : '✓'}
      </text>
      <rect x={10} y={26} width={width} height={6} rx={3} className={css.boxTrack} />
      <rect x={10} y={26} width={(width * over) / total} height={6} rx={3} className={css.boxDone} />
      <rect x={10} y={26} width={(width * bad) / total} height={6} rx={3} className={css.boxBad} />
    </g>
  )
}

const LONGEST = 19

function TicketBox({ spot }: { spot: Spot }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const node = spot.nodes[0]
  if (!node) return null
  const look = TICKET[node.status]
  const href = `/tickets/${node.ticket_id}`
  const words = [node.id, node.type, t(look.word), spot.isCritical ? t('dag.on_critical') : '']
  return (
    <a
      href={href}
      aria-label={words.filter(Boolean).join(', ')}
      className={css.boxButton}
      data-tone={look.tone}
      data-critical={spot.isCritical || undefined}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return
        event.preventDefault()
        void navigate({ to: '/tickets/$ticketId', params: { ticketId: node.ticket_id } })
      }}
    >
      <g transform={`translate(${spot.x} ${spot.y})`}>
        <title>{words.filter(Boolean).join(', ')}</title>
        <rect width={BOX.width} height={BOX.height} rx={8} className={css.box} />
        <rect width={4} height={BOX.height - 16} x={0} y={8} rx={2} className={css.boxEdge} />
        <g transform="translate(11 11) scale(0.9)" className={css.boxIcon}>
          <IconPath name={look.icon} />
        </g>
        <text x={36} y={17} className={css.boxName}>
          {node.id.length > LONGEST ? `${node.id.slice(0, LONGEST - 1)}…` : node.id}
        </text>
        <text x={36} y={32} className={css.boxNote}>
          {`${t(look.word)} · ${node.type}`.slice(0, 26)}
        </text>
      </g>
    </a>
  )
}

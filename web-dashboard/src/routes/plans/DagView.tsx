import { useNavigate } from '@tanstack/react-router'
import type { KeyboardEvent, ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../i18n/useFormat.ts'
import { Canvas } from '../../ui/Canvas.tsx'
import { IconPath } from '../../ui/icons.tsx'
import { type Box, type Window, wholeOf, zoomed } from '../../ui/window.ts'
import { BOX, type Column, curve, type Drawing, type Spot, standing } from './dag.ts'
import css from './plans.module.css'
import { TICKET } from './plans.ts'

/** Pixels of the frame: as high as what is drawn, within these. */
const LOWEST = 220
const TALLEST = 560
/** Nobody reads boxes smaller than this many pixels for one of theirs: a large plan begins at its beginning. */
const SMALLEST = 0.7
interface DagViewProps {
  drawing: Drawing
  onToggle: (level: number) => void
  legend: ReactNode
  children: ReactNode
}

/** The drawing in a frame that is moved and zoomed by pointer, wheel, buttons and keys. */
export function DagView({ drawing, onToggle, legend, children }: DagViewProps) {
  const { t } = useTranslation()
  return (
    <Canvas
      box={drawing}
      height={Math.min(TALLEST, Math.max(LOWEST, drawing.height + 72))}
      label={t('dag.label')}
      first={firstOf}
      tools={
        <>
          {children}
          {legend}
        </>
      }
    >
      {() => (
        <>
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
        </>
      )}
    </Canvas>
  )
}

/** All of it where that can be read, else its beginning. */
function firstOf(drawing: Box, size: Box): Window {
  const whole = wholeOf(drawing, size.width / size.height)
  if (size.width / whole.width >= SMALLEST) {
    // Never larger than drawn: three tickets do not fill a wall.
    const scale = Math.max(1, size.width / whole.width)
    return zoomed(whole, 1 / scale, { x: drawing.width / 2, y: drawing.height / 2 })
  }
  const [width, height] = [size.width / SMALLEST, size.height / SMALLEST]
  return { x: -16, y: drawing.height > height ? -16 : (drawing.height - height) / 2, width, height }
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

import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { Canvas } from '../../ui/Canvas.tsx'
import { Icon, IconPath } from '../../ui/icons.tsx'
import { type Look, NODE } from '../../ui/states.ts'
import { type Box, type Window, wholeOf, zoomed } from '../../ui/window.ts'
import { type Layout, type Line, type Placed, type Point, placed, TILE } from './layouts.ts'
import { KINDS, type Thing } from './things.ts'
import css from './topology.module.css'
import { useThingWords } from './words.ts'

/** Pixels of the frame: as high as what is drawn, within these. */
const LOWEST = 320
const TALLEST = 620
/** Below so many pixels for one of its own a tile has room for a large icon and the beginning of its name only. */
const READABLE = 0.62
const LONGEST = 18
const LONGEST_NOTE = 23
const LONGEST_FAR = 13

/** The things and their links in one of the layouts. */
export function TopologyView({ things, layout }: { things: readonly Thing[]; layout: Layout }) {
  const { t } = useTranslation()
  const drawing = usePlaced(things, layout)
  return (
    <>
      <Canvas
        // What was looked at closely in one layout is elsewhere in another one.
        key={layout}
        box={drawing}
        height={Math.min(TALLEST, Math.max(LOWEST, drawing.height + 48))}
        label={t('topology.label')}
        first={firstOf}
      >
        {(scale) => (
          <>
            <g>
              {drawing.lines.map((line) => (
                <path key={line.key} d={wayOf(line)} className={line.isPlace ? css.place : css.way} />
              ))}
            </g>
            {things.map((thing) => {
              const at = drawing.at.get(thing.key)
              return at ? <Tile key={thing.key} thing={thing} at={at} isFar={scale < READABLE} /> : null
            })}
          </>
        )}
      </Canvas>
      <Legend />
    </>
  )
}

/** Placed anew when something came, went or moved, not with each figure. */
function usePlaced(things: readonly Thing[], layout: Layout): Placed {
  const shape = JSON.stringify(things.map(({ key, parent, on }) => ({ key, parent, on })))
  return useMemo(() => placed(layout, JSON.parse(shape)), [layout, shape])
}

/** All of it, but never larger than drawn. */
function firstOf(box: Box, size: Box): Window {
  const whole = wholeOf(box, size.width / size.height)
  const scale = Math.max(1, size.width / whole.width)
  return zoomed(whole, 1 / scale, { x: box.width / 2, y: box.height / 2 })
}

function wayOf({ from, to }: Line): string {
  return `M${from.x} ${from.y}L${to.x} ${to.y}`
}

const cut = (text: string, most: number) => (text.length > most ? `${text.slice(0, most - 1)}…` : text)

function Tile({ thing, at, isFar }: { thing: Thing; at: Point; isFar: boolean }) {
  const { t } = useTranslation()
  const words = useThingWords()
  const name = words.name(thing)
  const state = t(thing.look.word)
  const all = [t(KINDS[thing.kind].word), thing.name, state, words.traffic(thing), thing.address]
  const longest = isFar ? LONGEST_FAR : LONGEST
  return (
    // biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: a group of a drawing is not interactive
    <g
      role="img"
      aria-label={all.filter(Boolean).join(', ')}
      data-tone={thing.look.tone}
      data-far={isFar || undefined}
      className={css.tile}
      transform={`translate(${at.x - TILE.width / 2} ${at.y - TILE.height / 2})`}
    >
      <title>{all.filter(Boolean).join('\n')}</title>
      <rect width={TILE.width} height={TILE.height} rx={9} className={css.box} />
      <g transform={isFar ? 'translate(7 9) scale(1.4)' : 'translate(9 13)'} className={css.state}>
        <IconPath name={thing.look.icon} />
      </g>
      <text x={isFar ? 40 : 35} y={isFar ? 30 : 19} className={css.name}>
        {cut(name, longest)}
      </text>
      {isFar ? null : (
        <>
          <text x={35} y={35} className={css.note}>
            {cut(`${state} · ${words.traffic(thing)}`, LONGEST_NOTE)}
          </text>
          <g transform={`translate(${TILE.width - 22} 5) scale(0.8)`} className={css.kind}>
            <IconPath name={KINDS[thing.kind].icon} />
          </g>
        </>
      )}
    </g>
  )
}

const STATES: readonly Look[] = [NODE.healthy, NODE.suspect, NODE.down, NODE.unknown]

function Legend() {
  const { t } = useTranslation()
  return (
    <ul className={css.legend} aria-label={t('topology.legend')}>
      {STATES.map((look) => (
        <li key={look.word} data-tone={look.tone} className={css.toned}>
          <Icon name={look.icon} size={14} />
          {t(look.word)}
        </li>
      ))}
      {Object.entries(KINDS).map(([kind, { icon, word }]) => (
        <li key={kind}>
          <Icon name={icon} size={14} />
          {t(word)}
        </li>
      ))}
      <li className={css.legendWay}>{t('topology.hangs')}</li>
      <li className={css.legendPlace}>{t('topology.runs_on')}</li>
    </ul>
  )
}

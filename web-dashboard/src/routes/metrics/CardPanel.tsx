import { lazy, Suspense, useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Recent } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import css from './metrics.module.css'
import { type Card, factsOf, type Line, linesOf, MOST_LINES, timesOf, type Unit } from './metrics.ts'

const LineChart = lazy(() => import('./LineChart.tsx'))

/** The least that the top of a scale stands for, so that small noise is no mountain. */
const TOPS: Record<Unit, number> = { number: 1, share: 1, watts: 10, celsius: 50 }

/** How a unit is written. */
function useWritten(unit: Unit): (value: number | null) => string {
  const format = useFormat()
  return (value) => {
    if (value === null) return '-'
    if (unit === 'share') return format.percent(100 * value)
    if (unit === 'watts') return `${format.number(value)} W`
    if (unit === 'celsius') return `${format.number(value)} °C`
    return format.number(value, 2)
  }
}

interface CardProps {
  card: Card
  recent: Recent
  asTable: boolean
}

/** One figure's course, drawn or as a table; a sentence says the same. Nothing where nobody ever told it. */
export function CardPanel({ card, recent, asTable }: CardProps) {
  const { t } = useTranslation()
  const lines = useMemo(() => linesOf(card, recent, t), [card, recent, t])
  if (lines.length === 0) return null
  return (
    <Panel id={`metric-${card.id}`} icon="chart" title={t(card.word)}>
      <Sentence lines={lines} unit={card.unit} />
      {asTable ? (
        <Figures lines={lines} unit={card.unit} label={t(card.word)} />
      ) : (
        <Drawn lines={lines} unit={card.unit} recent={recent} />
      )}
    </Panel>
  )
}

interface LinesProps {
  lines: readonly Line[]
  unit: Unit
}

function Sentence({ lines, unit }: LinesProps) {
  const { t } = useTranslation()
  const written = useWritten(unit)
  const [first] = lines
  if (!first) return null
  const { now, mean, most } = factsOf(first.values)
  const figures = { now: written(now), mean: written(mean), most: written(most) }
  return (
    <p className={ui.note}>
      {lines.length === 1
        ? t('metrics.sentence', figures)
        : t('metrics.sentence.of', { ...figures, name: first.label })}
    </p>
  )
}

function Drawn({ lines, unit, recent }: LinesProps & { recent: Recent }) {
  const { t } = useTranslation()
  const written = useWritten(unit)
  const shown = useMemo(() => lines.slice(0, MOST_LINES), [lines])
  const count = shown[0]?.values.length ?? 0
  const times = useMemo(() => timesOf(recent, count), [recent, count])
  return (
    <div className={css.drawn}>
      <Suspense fallback={null}>
        <LineChart times={times} lines={shown} written={written} top={TOPS[unit]} />
      </Suspense>
      {lines.length > shown.length ? (
        <p className={ui.note}>{t('metrics.more', { count: lines.length - shown.length })}</p>
      ) : null}
    </div>
  )
}

function Figures({ lines, unit, label }: LinesProps & { label: string }) {
  const { t } = useTranslation()
  const written = useWritten(unit)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard
    <section className={css.figures} tabIndex={0} aria-label={`${label}: ${t('traffic.table')}`}>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('column.name')}</th>
            <th scope="col">{t('metrics.now')}</th>
            <th scope="col">{t('metrics.mean')}</th>
            <th scope="col">{t('metrics.most')}</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => {
            const { now, mean, most } = factsOf(line.values)
            return (
              <tr key={line.key}>
                <th scope="row">{line.label}</th>
                <td>{written(now)}</td>
                <td>{written(mean)}</td>
                <td>{written(most)}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </section>
  )
}

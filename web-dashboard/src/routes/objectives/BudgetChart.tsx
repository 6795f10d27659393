import 'uplot/dist/uPlot.min.css'
import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import uPlot from 'uplot'
import type { Format } from '../../i18n/format.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import css from './objectives.module.css'
import type { Course } from './objectives.ts'

const HEIGHT = 210
const DAY = 86_400
const SHORT = 900
/** Percent: a budget that is overspent by more is drawn here, else nothing else could be read; the words say how much. */
const DEEPEST = -100
/** Fewer moments than this are shown one by one: a line needs two. */
const FEW = 12

interface BudgetChartProps {
  course: Course
  /** Shares in percent below which the budget is a warning, and critical. */
  warning: number
  critical: number
}

/** What was left of the budget over time, on a canvas, with the lines that it must not fall below. */
export default function BudgetChart({ course, warning, critical }: BudgetChartProps) {
  const { t, i18n } = useTranslation()
  const format = useFormat()
  const scheme = useComputedColorScheme('light')
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const newest = useRef(course)
  newest.current = course

  // Colours and words are drawn into the canvas: another theme or language is another chart.
  // biome-ignore lint/correctness/useExhaustiveDependencies: theme and language are read through the document
  useEffect(() => {
    const holder = box.current
    if (!holder) return
    const chart = new uPlot(
      options(holder, format, i18n.language),
      columns(newest.current, warning, critical),
      holder,
    )
    plot.current = chart
    const watch = new ResizeObserver(() => chart.setSize({ width: holder.clientWidth, height: HEIGHT }))
    watch.observe(holder)
    return () => {
      watch.disconnect()
      chart.destroy()
      plot.current = null
    }
  }, [scheme, i18n.language, warning, critical])

  useEffect(() => plot.current?.setData(columns(course, warning, critical)), [course, warning, critical])

  return (
    <figure>
      <div ref={box} aria-hidden="true" />
      <figcaption className={css.legend} aria-hidden="true">
        <span className={css.legendLeft}>{t('slo.left')}</span>
        <span className={css.legendWarning}>{t('budget.warning')}</span>
        <span className={css.legendCritical}>{t('budget.critical')}</span>
      </figcaption>
    </figure>
  )
}

function columns(course: Course, warning: number, critical: number): uPlot.AlignedData {
  const left = course.left.map((one) => (one === null ? null : Math.max(DEEPEST, one)))
  return [course.at, left, course.at.map(() => warning), course.at.map(() => critical)]
}

/** Full is always in sight, and so is what is overspent. */
const range = (_: uPlot, least: number, most: number): uPlot.Range.MinMax => [
  Math.max(DEEPEST * 1.05, Math.min(0, least * 1.1)),
  Math.max(105, most * 1.02),
]

function options(holder: HTMLElement, format: Format, language: string): uPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const font = `12px ${getComputedStyle(holder).fontFamily}`
  const axis = { stroke: colour('--ink-2'), font, ticks: { show: false } }
  const short = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short' })
  const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  const marks = (_: uPlot, at: number[]) => {
    const span = (at.at(-1) ?? 0) - (at[0] ?? 0)
    if (span < SHORT) return at.map(format.time)
    return at.map((one) => (span > DAY ? short : clock).format(one * 1000))
  }
  return {
    width: holder.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    padding: [10, 8, 0, 0],
    scales: { x: { time: true }, y: { range } },
    axes: [
      { ...axis, grid: { show: false }, values: marks, space: 90, size: 28 },
      {
        ...axis,
        grid: { stroke: colour('--line'), width: 1 },
        values: (_, at) => at.map((one) => format.percent(one)),
        size: 52,
        space: 38,
      },
    ],
    series: [
      {},
      {
        stroke: colour('--accent'),
        fill: `${colour('--accent')}1f`,
        width: 2,
        points: { show: (plot) => (plot.data[0]?.length ?? 0) < FEW },
      },
      { stroke: colour('--warn'), width: 1.4, dash: [7, 5], points: { show: false } },
      { stroke: colour('--bad'), width: 1.4, dash: [2, 4], points: { show: false } },
    ],
  }
}

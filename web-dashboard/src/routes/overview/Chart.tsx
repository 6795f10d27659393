import 'uplot/dist/uPlot.min.css'
import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import uPlot from 'uplot'
import type { Sample } from '../../api/live.ts'
import { HISTORY } from '../../api/live.ts'
import type { Format } from '../../i18n/format.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import css from './overview.module.css'

const HEIGHT = 190
/** Seconds that may lie between two marks. */
const STEPS = [5, 10, 15, 30, 60, 120, 300]

/** Tokens and requests a second on a canvas, redrawn in place as samples come. */
export default function Chart({ samples }: { samples: readonly Sample[] }) {
  const { t, i18n } = useTranslation()
  const format = useFormat()
  const scheme = useComputedColorScheme('light')
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const newest = useRef(samples)
  newest.current = samples

  // Colours and words are drawn into the canvas: another theme or language is another chart.
  // biome-ignore lint/correctness/useExhaustiveDependencies: theme and language are read through the document
  useEffect(() => {
    const holder = box.current
    if (!holder) return
    const chart = new uPlot(options(holder, format), columns(newest.current), holder)
    plot.current = chart
    const watch = new ResizeObserver(() => chart.setSize({ width: holder.clientWidth, height: HEIGHT }))
    watch.observe(holder)
    return () => {
      watch.disconnect()
      chart.destroy()
      plot.current = null
    }
  }, [scheme, i18n.language])

  useEffect(() => plot.current?.setData(columns(samples)), [samples])

  return (
    <figure className={css.chart}>
      <div ref={box} aria-hidden="true" />
      <figcaption className={css.legend} aria-hidden="true">
        <span className={css.legendTokens}>{t('traffic.legend.tokens')}</span>
        <span className={css.legendRequests}>{t('traffic.legend.requests')}</span>
      </figcaption>
    </figure>
  )
}

function columns(samples: readonly Sample[]): uPlot.AlignedData {
  return [
    samples.map((sample) => sample.at),
    samples.map((sample) => sample.tokens),
    samples.map((sample) => sample.requests),
  ]
}

/** The newest sample stands at the right edge, and there is always at least a minute. */
function shownSpan(_: uPlot, from: number | null, to: number | null): uPlot.Range.MinMax {
  const end = to ?? Date.now() / 1000
  return [Math.min(Math.max(from ?? end, end - HISTORY), end - 60), end]
}

function options(holder: HTMLElement, format: Format): uPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const font = `12px ${getComputedStyle(holder).fontFamily}`
  const axis = { stroke: colour('--ink-2'), font, ticks: { show: false } }
  const grid = { stroke: colour('--line'), width: 1 }
  const figures = (_: uPlot, marks: number[]) => marks.map((mark) => format.number(mark, 2))
  const top = (_: uPlot, __: number, most: number): uPlot.Range.MinMax => [0, Math.max(1, most * 1.15)]
  return {
    width: holder.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    padding: [10, 4, 0, 0],
    scales: { x: { time: true, range: shownSpan }, y: { range: top }, requests: { range: top } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        values: (_, at) => at.map(format.time),
        incrs: STEPS,
        space: 110,
        size: 28,
      },
      { ...axis, grid, values: figures, size: 44, space: 38 },
      { ...axis, values: figures, scale: 'requests', side: 1, grid: { show: false }, size: 44, space: 38 },
    ],
    series: [
      {},
      { stroke: colour('--accent'), fill: `${colour('--accent')}1f`, width: 2, points: { show: false } },
      { scale: 'requests', stroke: colour('--series-2'), width: 1.6, dash: [5, 4], points: { show: false } },
    ],
  }
}

import 'uplot/dist/uPlot.min.css'
import { useComputedColorScheme } from '@mantine/core'
import { type CSSProperties, useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import uPlot from 'uplot'
import css from './chart.module.css'

/** What the document's theme gives a chart. */
export interface Look {
  colour: (name: string) => string
  axis: { stroke: string; font: string; ticks: { show: boolean } }
  grid: { stroke: string; width: number }
}

type Shape = Omit<uPlot.Options, 'width' | 'height' | 'legend' | 'cursor'>

interface PlotProps {
  data: uPlot.AlignedData
  height: number
  /** Asked anew when the theme or the language is another. */
  shape: (look: Look) => Shape
  legend: readonly { key: string; label: string; colour: string; dash?: 'dashed' | 'dotted' }[]
}

/** Lines on a canvas, redrawn in place as data comes, with a legend below. A sentence beside it says the same. */
export function Plot({ data, height, shape, legend }: PlotProps) {
  const { i18n } = useTranslation()
  const scheme = useComputedColorScheme('light')
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const newest = useRef({ data, shape })
  newest.current = { data, shape }

  // Colours and words are drawn into the canvas: another theme or language is another chart.
  // biome-ignore lint/correctness/useExhaustiveDependencies: theme and language are read through the document
  useEffect(() => {
    const holder = box.current
    if (!holder) return
    const still = { height, legend: { show: false }, cursor: { y: false, points: { size: 7 } } }
    const options = { ...newest.current.shape(lookOf(holder)), ...still, width: holder.clientWidth }
    const chart = new uPlot(options, newest.current.data, holder)
    plot.current = chart
    const watch = new ResizeObserver(() => chart.setSize({ width: holder.clientWidth, height }))
    watch.observe(holder)
    return () => {
      watch.disconnect()
      chart.destroy()
      plot.current = null
    }
  }, [scheme, i18n.language, height])

  useEffect(() => plot.current?.setData(data), [data])

  return (
    <figure className={css.figure}>
      <div ref={box} aria-hidden="true" />
      <figcaption className={css.legend} aria-hidden="true">
        {legend.map((line) => (
          <span
            key={line.key}
            style={{ '--of': `var(${line.colour})`, '--dash': line.dash } as CSSProperties}
          >
            {line.label}
          </span>
        ))}
      </figcaption>
    </figure>
  )
}

function lookOf(holder: HTMLElement): Look {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const font = `12px ${getComputedStyle(holder).fontFamily}`
  return {
    colour,
    axis: { stroke: colour('--ink-2'), font, ticks: { show: false } },
    grid: { stroke: colour('--line'), width: 1 },
  }
}

import { useMemo } from 'react'
import type uPlot from 'uplot'
import { useFormat } from '../../i18n/useFormat.ts'
import { Plot } from '../../ui/Plot.tsx'
import type { Line } from './metrics.ts'

const STEPS = [15, 30, 60, 120, 300, 600, 900]
/** Told apart by their dashes, too. */
const STROKES = [
  { colour: '--accent', dash: [] },
  { colour: '--series-2', dash: [6, 4] },
  { colour: '--series-3', dash: [2, 3] },
  { colour: '--series-4', dash: [] },
  { colour: '--series-5', dash: [6, 4] },
  { colour: '--series-6', dash: [2, 3] },
]
const LEGEND_DASH = { 0: undefined, 6: 'dashed', 2: 'dotted' } as const

interface ChartProps {
  times: readonly number[]
  lines: readonly Line[]
  /** A figure of the left axis, and the least that its top is. */
  written: (value: number) => string
  top: number
}

/** Some lines on a common scale that begins at zero. */
export default function LineChart({ times, lines, written, top }: ChartProps) {
  const format = useFormat()
  const data = useMemo(
    () => [times, ...lines.map(({ values }) => values)] as unknown as uPlot.AlignedData,
    [times, lines],
  )
  const strokeOf = (at: number) => STROKES[at % STROKES.length] as (typeof STROKES)[number]
  return (
    <Plot
      // Another set of lines is another chart.
      key={lines.map(({ key }) => key).join()}
      data={data}
      height={150}
      // One alone is what the panel is called.
      legend={(lines.length > 1 ? lines : []).map(({ key, label }, at) => {
        const { colour, dash } = strokeOf(at)
        return { key, label, colour, ...dashOf(dash[0]) }
      })}
      shape={({ axis, grid, colour }) => ({
        padding: [10, 8, 0, 0],
        scales: {
          x: { time: true },
          y: { range: (_, __, most) => [0, Math.max(top, (most ?? 0) * 1.15)] },
        },
        axes: [
          {
            ...axis,
            grid: { show: false },
            values: (_, at) => at.map(format.time),
            incrs: STEPS,
            space: 90,
            size: 26,
          },
          { ...axis, grid, values: (_, marks) => marks.map(written), size: 52, space: 34 },
        ],
        series: [
          {},
          ...lines.map((_, at) => {
            const { colour: name, dash } = strokeOf(at)
            return { stroke: colour(name), width: 1.8, dash, points: { show: false } }
          }),
        ],
      })}
    />
  )
}

function dashOf(first: number | undefined): { dash?: 'dashed' | 'dotted' } {
  const dash = LEGEND_DASH[(first ?? 0) as keyof typeof LEGEND_DASH]
  return dash ? { dash } : {}
}

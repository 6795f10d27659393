import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type uPlot from 'uplot'
import type { Sample } from '../../api/live.ts'
import { HISTORY } from '../../api/live.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Plot } from '../../ui/Plot.tsx'

/** Seconds that may lie between two marks. */
const STEPS = [5, 10, 15, 30, 60, 120, 300]

/** Tokens and requests a second. */
export default function Chart({ samples }: { samples: readonly Sample[] }) {
  const { t } = useTranslation()
  const format = useFormat()
  const data = useMemo(() => columns(samples), [samples])
  const figures = (_: uPlot, marks: number[]) => marks.map((mark) => format.number(mark, 2))
  return (
    <Plot
      data={data}
      height={190}
      legend={[
        { key: 'tokens', label: t('traffic.legend.tokens'), colour: '--accent' },
        { key: 'requests', label: t('traffic.legend.requests'), colour: '--series-2', dash: 'dashed' },
      ]}
      shape={({ axis, grid, colour }) => ({
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
          {
            ...axis,
            values: figures,
            scale: 'requests',
            side: 1,
            grid: { show: false },
            size: 44,
            space: 38,
          },
        ],
        series: [
          {},
          { stroke: colour('--accent'), fill: `${colour('--accent')}1f`, width: 2, points: { show: false } },
          {
            scale: 'requests',
            stroke: colour('--series-2'),
            width: 1.6,
            dash: [5, 4],
            points: { show: false },
          },
        ],
      })}
    />
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

const top = (_: uPlot, __: number, most: number): uPlot.Range.MinMax => [0, Math.max(1, most * 1.15)]

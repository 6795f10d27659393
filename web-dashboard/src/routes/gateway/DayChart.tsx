import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import uPlot from 'uplot'
import type { UsageRow } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Plot } from '../../ui/Plot.tsx'
import { type Measure, measured } from './gateway.ts'

interface Props {
  rows: readonly UsageRow[]
  measure: Measure
  label: string
}

/** Use day by day. The sentence above says the same. */
export default function DayChart({ rows, measure, label }: Props) {
  const { i18n } = useTranslation()
  const format = useFormat()
  const data = useMemo<uPlot.AlignedData>(
    () => [rows.map((row) => Date.parse(row.id) / 1000), rows.map((row) => measured(row, measure))],
    [rows, measure],
  )
  return (
    <Plot
      key={`${measure} ${i18n.language}`}
      data={data}
      height={190}
      legend={[{ key: measure, label, colour: '--accent' }]}
      shape={({ axis, grid, colour }) => ({
        padding: [10, 30, 0, 0],
        scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), 'UTC'),
        axes: [
          {
            ...axis,
            grid: { show: false },
            values: (_, at) => at.map((one) => format.day(new Date(one * 1000).toISOString().slice(0, 10))),
            incrs: [86_400, 2 * 86_400, 7 * 86_400, 14 * 86_400, 28 * 86_400],
            space: 70,
            size: 28,
          },
          { ...axis, grid, values: (_, at) => at.map((one) => format.number(one)), size: 64, space: 38 },
        ],
        series: [
          {},
          {
            stroke: colour('--accent'),
            fill: `${colour('--accent')}1f`,
            width: 2,
            points: { show: rows.length < 40 },
          },
        ],
      })}
    />
  )
}

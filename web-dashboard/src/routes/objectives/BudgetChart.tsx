import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type uPlot from 'uplot'
import type { Format } from '../../i18n/format.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Plot } from '../../ui/Plot.tsx'
import type { Course } from './objectives.ts'

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

/** What was left of the budget over time, with the lines that it must not fall below. */
export default function BudgetChart({ course, warning, critical }: BudgetChartProps) {
  const { t, i18n } = useTranslation()
  const format = useFormat()
  const data = useMemo(() => columns(course, warning, critical), [course, warning, critical])
  return (
    <Plot
      data={data}
      height={210}
      legend={[
        { key: 'left', label: t('slo.left'), colour: '--accent' },
        { key: 'warning', label: t('budget.warning'), colour: '--warn', dash: 'dashed' },
        { key: 'critical', label: t('budget.critical'), colour: '--bad', dash: 'dotted' },
      ]}
      shape={({ axis, grid, colour }) => ({
        padding: [10, 8, 0, 0],
        scales: { x: { time: true }, y: { range } },
        axes: [
          { ...axis, grid: { show: false }, values: marks(format, i18n.language), space: 90, size: 28 },
          { ...axis, grid, values: (_, at) => at.map((one) => format.percent(one)), size: 52, space: 38 },
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
      })}
    />
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

function marks(format: Format, language: string) {
  const short = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short' })
  const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  return (_: uPlot, at: number[]) => {
    const span = (at.at(-1) ?? 0) - (at[0] ?? 0)
    if (span < SHORT) return at.map(format.time)
    return at.map((one) => (span > DAY ? short : clock).format(one * 1000))
  }
}

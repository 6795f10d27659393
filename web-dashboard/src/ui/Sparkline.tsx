import { memo } from 'react'
import css from './ui.module.css'

const WIDTH = 100
const HEIGHT = 34

/** The path of `values` over the full width; the scale begins at zero. Pure. */
export function sparkPath(values: readonly number[]): string {
  const top = Math.max(...values, Number.MIN_VALUE)
  const step = WIDTH / Math.max(1, values.length - 1)
  return values
    .map((value, index) => {
      const y = HEIGHT - 2 - (Math.max(0, value) / top) * (HEIGHT - 4)
      return `${index === 0 ? 'M' : 'L'}${(index * step).toFixed(2)} ${y.toFixed(2)}`
    })
    .join('')
}

/** The shape of the last minutes. Decoration: the figure beside it is what counts. */
export const Sparkline = memo(function Sparkline({ values }: { values: readonly number[] }) {
  if (values.length < 2)
    return <svg className={css.spark} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" />
  const line = sparkPath(values)
  return (
    <svg
      className={css.spark}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path className={css.sparkArea} d={`${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} />
      <path className={css.sparkLine} d={line} />
    </svg>
  )
})

import type { Tone } from './states.ts'
import css from './ui.module.css'

/** A bar of parts of one whole. Decoration: the words beside it say the same. */
export function Shares({ parts, total }: { parts: readonly { tone: Tone; count: number }[]; total: number }) {
  return (
    <span className={css.shares} aria-hidden="true">
      {parts.map(({ tone, count }) => (
        <span key={tone} data-tone={tone} style={{ width: `${(count / Math.max(1, total)) * 100}%` }} />
      ))}
    </span>
  )
}

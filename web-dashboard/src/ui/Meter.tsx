import type { Tone } from './states.ts'
import css from './ui.module.css'

interface MeterProps {
  /** In [0, 1]; below or above that it is drawn empty or full. */
  share: number
  label: string
  text: string
  /** Where being full is no trouble: the colour of what it says. */
  tone?: Tone
}

/** How full something is; without a tone of its own it warns from 0.8 on and alarms from 0.93. The figure stands beside it. */
export function Meter({ share, label, text, tone: own }: MeterProps) {
  const full = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0))
  const tone = own ?? (full >= 0.93 ? 'bad' : full >= 0.8 ? 'warn' : undefined)
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers draw <meter> each in their own way
    <span
      className={css.meter}
      data-tone={tone}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(full * 100)}
      aria-valuetext={text}
    >
      <span className={css.meterFill} style={{ width: `${full * 100}%` }} />
    </span>
  )
}

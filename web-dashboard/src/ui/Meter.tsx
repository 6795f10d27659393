import css from './ui.module.css'

/** How full something is. `share` in [0, 1]; from 0.8 it warns, from 0.93 it alarms. The figure stands beside it. */
export function Meter({ share, label, text }: { share: number; label: string; text: string }) {
  const full = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0))
  const tone = full >= 0.93 ? 'bad' : full >= 0.8 ? 'warn' : undefined
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

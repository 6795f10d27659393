import css from './frame.module.css'

/** Nodes around a gateway. */
export function Mark({ size = 26 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" className={css.mark}>
      <rect width="32" height="32" rx="9" className={css.markGround} />
      <g className={css.markLines}>
        <path d="M16 9v5M9.9 19.5 14 17M22.1 19.5 18 17" />
      </g>
      <g className={css.markDots}>
        <circle cx="16" cy="7.5" r="2.8" />
        <circle cx="8" cy="21" r="2.8" />
        <circle cx="24" cy="21" r="2.8" />
      </g>
      <circle cx="16" cy="16" r="3.6" className={css.markHeart} />
    </svg>
  )
}

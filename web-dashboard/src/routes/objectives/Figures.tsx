import { useTranslation } from 'react-i18next'
import type { Budget } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Meter } from '../../ui/Meter.tsx'
import css from './objectives.module.css'
import { BUDGET, hourOf, PACE, PACE_TONE } from './objectives.ts'

/** A share with up to three figures after the point: 99.95 % and 99.9 % are not the same promise. */
export function useShare() {
  const { i18n } = useTranslation()
  return (share: number | null | undefined, digits = 3) =>
    share == null || !Number.isFinite(share)
      ? '–'
      : new Intl.NumberFormat(i18n.language, { style: 'percent', maximumFractionDigits: digits }).format(
          share,
        )
}

/** What is left of a budget, as a bar and in figures. */
export function Left({ budget }: { budget: Budget | undefined }) {
  const { t } = useTranslation()
  const share = useShare()
  if (budget?.remaining == null) return <span>–</span>
  const text = share(budget.remaining, 1)
  return (
    <span className={css.left}>
      <Meter
        share={budget.remaining}
        label={t('slo.left')}
        text={text}
        tone={BUDGET[budget.status ?? 'NO_DATA'].tone}
      />
      <span>{text}</span>
    </span>
  )
}

/** How fast it is spent, as a multiple and a word. */
export function Rate({ budget }: { budget: Budget | undefined }) {
  const { t } = useTranslation()
  const format = useFormat()
  const rate = hourOf(budget)?.burn_rate
  if (budget === undefined || rate == null) return <span>–</span>
  const pace = budget.pace ?? 'NORMAL'
  return (
    <span className={css.rate} data-tone={PACE_TONE[pace]}>
      {t('slo.times', { rate: format.number(rate, 2) })} <span>{t(PACE[pace])}</span>
    </span>
  )
}

/** When nothing would be left, should it go on as in the last hour. */
export function Forecast({ budget }: { budget: Budget | undefined }) {
  const { t } = useTranslation()
  const format = useFormat()
  if (budget?.remaining == null) return <span>–</span>
  if (budget.remaining <= 0) return <span>{t('slo.used_up')}</span>
  if (budget.exhausted_in_seconds == null) return <span>{t('slo.lasts')}</span>
  return <span>{t('time.in', { time: format.duration(budget.exhausted_in_seconds) })}</span>
}

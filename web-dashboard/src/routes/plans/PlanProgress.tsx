import { useTranslation } from 'react-i18next'
import type { Plan } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Shares } from '../../ui/Shares.tsx'
import css from './plans.module.css'
import { partsOf } from './plans.ts'

/** How many of its tickets have ended, and how. */
export function PlanProgress({ plan }: { plan: Plan }) {
  const { t } = useTranslation()
  const format = useFormat()
  const count = (value: number) => format.number(value, 0)
  return (
    <div className={css.progress}>
      <Shares parts={partsOf(plan)} total={plan.tickets} />
      <span className={css.progressWords}>
        <span>
          {t('plan.done', { done: count(plan.tickets - plan.open_tickets), total: count(plan.tickets) })}
        </span>
        {plan.failed > 0 ? (
          <span data-tone="bad">{t('plan.failed_count', { count: plan.failed })}</span>
        ) : null}
        {plan.cancelled > 0 ? <span>{t('plan.dropped_count', { count: plan.cancelled })}</span> : null}
      </span>
    </div>
  )
}

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import type { Ticket } from '../../api/types.ts'
import { Icon } from '../../ui/icons.tsx'
import ui from '../../ui/ui.module.css'
import { graphQuery, TICKET } from '../plans/plans.ts'
import css from './tickets.module.css'
import { useWhy } from './useWhy.ts'

/** Why the ticket waits, or what went wrong with it; nothing where neither is so. */
export function WhyPanel({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation()
  const { data: graph } = useQuery({
    ...graphQuery(ticket.plan_id),
    enabled: ticket.status === 'waiting' && (ticket.depends_on ?? []).length > 0,
  })
  const why = useWhy(ticket, graph)
  if (why) {
    return (
      <div className={css.why} data-tone={TICKET[ticket.status].tone} role="status">
        <Icon name={TICKET[ticket.status].icon} />
        <div>
          <strong>{t(why.word, why.values)}</strong>
          {why.detail ? <p lang="en">{why.detail}</p> : null}
          {why.code ? <p className="mono">{why.code}</p> : null}
          {why.byFreeze ? (
            <Link to="/freezes" className={ui.link}>
              {t('freeze.notice.see')}
            </Link>
          ) : null}
        </div>
      </div>
    )
  }
  if (!ticket.error_code || ticket.status === 'succeeded') return null
  return (
    <div className={css.why} data-tone="bad" role="note">
      <Icon name="warning" />
      <div>
        <strong className="mono">{ticket.error_code}</strong>
        <p lang="en">{ticket.error_message}</p>
      </div>
    </div>
  )
}

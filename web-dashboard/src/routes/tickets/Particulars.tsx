import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import type { Ticket } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Ago, Until, When } from '../../ui/Ago.tsx'
import { Facts } from '../../ui/Facts.tsx'
import { Meter } from '../../ui/Meter.tsx'
import { Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { graphQuery, isOver } from '../plans/plans.ts'
import { PRIORITIES } from '../plans/TicketTable.tsx'
import css from './tickets.module.css'
import { needsOf } from './tickets.ts'

const RISKS = {
  low: 'risk.low',
  medium: 'risk.medium',
  high: 'risk.high',
  critical: 'risk.critical',
} as const

/** What is known of a ticket, in figures and words. */
export function Particulars({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation()
  const format = useFormat()
  const share = Math.round(ticket.progress * 100)
  const resources = Object.entries(ticket.resources).map(([name, amount]) => `${name} ${amount}`)
  return (
    <Panel id="particulars" icon="tasks" title={t('ticket.particulars')}>
      {ticket.progress > 0 && !isOver(ticket.status) ? (
        <div className={css.progress}>
          <Meter
            share={ticket.progress}
            label={t('column.progress')}
            text={format.percent(share)}
            tone="busy"
          />
          <span>
            {format.percent(share)} {ticket.note}
          </span>
        </div>
      ) : null}
      <Facts
        facts={[
          [t('column.kind'), ticket.task_type],
          [t('column.worker'), ticket.allocated_agent_id],
          [
            t('column.attempt'),
            t('ticket.attempt_of', { n: ticket.attempt, most: ticket.sla.max_retries + 1 }),
          ],
          [t('ticket.losses'), ticket.losses > 0 ? format.number(ticket.losses, 0) : null],
          [
            t('column.took'),
            ticket.actual_duration_ms == null ? null : format.duration(ticket.actual_duration_ms / 1000),
          ],
          [t('ticket.started'), ticket.started_at == null ? null : <Ago key="s" at={ticket.started_at} />],
          [t('ticket.ended'), ticket.completed_at == null ? null : <When key="e" at={ticket.completed_at} />],
          [
            t('column.deadline'),
            isOver(ticket.status) ? (
              <When key="d" at={ticket.sla.deadline} />
            ) : (
              <Until key="d" at={ticket.sla.deadline} />
            ),
          ],
          [t('ticket.timeout'), format.duration(ticket.sla.timeout_ms / 1000)],
          [t('column.priority'), t(PRIORITIES[ticket.priority])],
          [t('ticket.risk'), t(RISKS[ticket.risk_band])],
          [
            t('ticket.delivery'),
            <span key="q" className="mono">
              {ticket.qos.delivery_mode}
            </span>,
          ],
          [t('column.owner'), ticket.owner],
          [t('ticket.resources'), resources.join(', ')],
          [t('ticket.capabilities'), ticket.required_capabilities.join(', ')],
          ...Object.entries(ticket.metadata).map(([name, value]) => [name, value] as const),
        ]}
      />
      <Needs ticket={ticket} />
    </Panel>
  )
}

function Needs({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation()
  const hasNeeds = (ticket.depends_on ?? []).length > 0
  const { data: graph } = useQuery({ ...graphQuery(ticket.plan_id), enabled: hasNeeds })
  if (!hasNeeds) return null
  return (
    <div className={css.needs}>
      <span className={ui.note}>{t('dag.depends')}</span>
      <ul>
        {needsOf(ticket, graph).map((need) => (
          <li key={need.name}>
            {need.ticketId ? (
              <Link to="/tickets/$ticketId" params={{ ticketId: need.ticketId }} className={ui.link}>
                {need.name}
              </Link>
            ) : (
              need.name
            )}
          </li>
        ))}
      </ul>
    </div>
  )
}

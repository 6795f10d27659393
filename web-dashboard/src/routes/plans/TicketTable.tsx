import { NativeSelect } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Ticket, TicketState } from '../../api/types.ts'
import { TICKET_STATES } from '../../app/searches.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Asked } from '../../ui/Asked.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { More } from '../../ui/More.tsx'
import { Empty } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { useWhy } from '../tickets/useWhy.ts'
import css from './plans.module.css'
import { isTicketState, TICKET, ticketsQuery } from './plans.ts'

const column = createColumnHelper<Ticket>()

/** Tickets of a plan in their order, page by page; the state that is asked for stands in the address. */
export function TicketTable({ planId }: { planId: string }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const { state } = useSearch({ strict: false }) as { state?: TicketState }
  const pages = useInfiniteQuery(ticketsQuery({ plan: planId, state }))
  const rows = useMemo(() => pages.data?.pages.flatMap((page) => page.items) ?? [], [pages.data])
  const columns = useTicketColumns()
  return (
    <>
      <div className={css.tableHead}>
        <NativeSelect
          size="xs"
          label={t('column.state')}
          value={state ?? ''}
          onChange={({ currentTarget: { value } }) =>
            void navigate({
              to: '/plans/$planId',
              params: { planId },
              search: isTicketState(value) ? { state: value } : {},
              resetScroll: false,
            })
          }
          data={[
            { value: '', label: t('filter.all') },
            ...TICKET_STATES.map((one) => ({ value: one, label: t(TICKET[one].word) })),
          ]}
        />
      </div>
      <div className={pages.data ? '' : ui.pad}>
        <Asked query={pages}>
          {() =>
            rows.length === 0 ? (
              <Empty title={t('plan.tickets.none')} />
            ) : (
              <DataTable
                label={t('plan.tickets')}
                rows={rows}
                columns={columns}
                rowId={(row) => row.ticket_id}
              />
            )
          }
        </Asked>
      </div>
      <More pages={pages} />
    </>
  )
}

/** `planNames`, by id: where tickets of several plans stand together. */
export function useTicketColumns(planNames?: Readonly<Record<string, string>>) {
  const { t } = useTranslation()
  const format = useFormat()
  return useMemo(
    () => [
      column.accessor('task_id', {
        header: t('column.name'),
        meta: { card: 'bare' },
        cell: ({ row: { original: ticket } }) => (
          <Link to="/tickets/$ticketId" params={{ ticketId: ticket.ticket_id }} className={ui.link}>
            {ticket.task_id}
          </Link>
        ),
      }),
      column.accessor('status', {
        header: t('column.state'),
        meta: { card: 'state' },
        cell: ({ row }) => <StateTag look={TICKET[row.original.status]} />,
      }),
      ...(planNames
        ? [
            column.accessor((ticket) => planNames[ticket.plan_id] ?? ticket.plan_id, {
              id: 'plan',
              header: t('column.plan'),
              cell: ({ row: { original: ticket }, getValue }) => (
                <Link
                  to="/plans/$planId"
                  params={{ planId: ticket.plan_id }}
                  className={ui.link}
                  title={ticket.plan_id}
                >
                  {getValue()}
                </Link>
              ),
            }),
          ]
        : []),
      column.accessor('task_type', { header: t('column.kind') }),
      column.accessor('priority_score', {
        header: t('column.priority'),
        meta: { minor: true },
        cell: ({ row }) => t(PRIORITIES[row.original.priority]),
      }),
      column.accessor('allocated_agent_id', {
        header: t('column.worker'),
        meta: { minor: true },
        cell: ({ row }) => row.original.allocated_agent_id || '–',
      }),
      column.accessor('attempt', { header: t('column.attempt'), meta: { align: 'end', minor: true } }),
      column.accessor((ticket) => ticket.actual_duration_ms ?? undefined, {
        id: 'took',
        header: t('column.took'),
        meta: { align: 'end' },
        sortUndefined: 'last',
        cell: ({ row: { original: ticket } }) =>
          ticket.actual_duration_ms == null
            ? ticket.progress > 0
              ? format.percent(ticket.progress * 100)
              : '–'
            : format.duration(ticket.actual_duration_ms / 1000),
      }),
      column.accessor('error_code', {
        header: t('column.why'),
        cell: ({ row }) => <WhyCell ticket={row.original} />,
      }),
    ],
    [t, format, planNames],
  )
}

/** What went wrong with it, or why it waits. */
function WhyCell({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation()
  const why = useWhy(ticket)
  if (ticket.error_code)
    return (
      <span className="mono" title={ticket.error_message}>
        {ticket.error_code}
      </span>
    )
  return why ? <span title={why.detail}>{t(why.word, why.values)}</span> : '–'
}

export const PRIORITIES = {
  LOW: 'priority.low',
  NORMAL: 'priority.normal',
  HIGH: 'priority.high',
  CRITICAL: 'priority.critical',
} as const

import { Button } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../../api/client.ts'
import { queries } from '../../api/session.ts'
import type { Ticket } from '../../api/types.ts'
import { useWork } from '../../api/useWork.ts'
import { useDialogs } from '../../app/dialogs.tsx'
import { useTitle } from '../../app/useTitle.ts'
import { Asked } from '../../ui/Asked.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { Icon } from '../../ui/icons.tsx'
import { useSay } from '../../ui/notices.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { planQuery, TICKET } from '../plans/plans.ts'
import { HistoryPanel } from './HistoryPanel.tsx'
import { LinesPanel } from './LinesPanel.tsx'
import { Particulars } from './Particulars.tsx'
import { ResultPanel } from './ResultPanel.tsx'
import css from './tickets.module.css'
import { pretty, tagOf, ticketQuery } from './tickets.ts'
import { WhyPanel } from './WhyPanel.tsx'

/** One ticket: how it stands and why, what it is to do, what came of it, and all that happened to it. */
export function TicketPage() {
  const { t } = useTranslation()
  const { ticketId } = useParams({ strict: false }) as { ticketId: string }
  const query = useQuery(ticketQuery(ticketId))
  useTitle(query.data?.task_id ?? t('ticket.title'))
  useWork(
    [
      ['ticket', ticketId],
      ['ticket-history', ticketId],
    ],
    (event) => event.subject === ticketId || event.subject === query.data?.plan_id,
  )
  return <Asked query={query}>{(ticket) => <TicketShown key={ticket.ticket_id} ticket={ticket} />}</Asked>
}

function TicketShown({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation()
  const { data: plan } = useQuery(planQuery(ticket.plan_id))
  return (
    <>
      <PageHead
        up={
          <>
            <Link to="/plans" className={ui.link}>
              {t('nav.plans')}
            </Link>
            <span aria-hidden="true">/</span>
            <Link to="/plans/$planId" params={{ planId: ticket.plan_id }} className={ui.link}>
              {plan?.name || ticket.plan_id.slice(-12)}
            </Link>
          </>
        }
        title={ticket.task_id}
        tag={<StateTag look={TICKET[ticket.status]} />}
        note={ticket.description || ticket.ticket_id}
      >
        <Actions ticket={ticket} />
      </PageHead>
      <div className={css.columns}>
        <div className={ui.stack}>
          <WhyPanel ticket={ticket} />
          <Particulars ticket={ticket} />
          <LinesPanel ticketId={ticket.ticket_id} />
          <ResultPanel ticket={ticket} />
        </div>
        <div className={ui.stack}>
          <Panel id="parameters" icon="sliders" title={t('ticket.parameters')}>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard */}
            <pre className={ui.json} tabIndex={0}>
              {pretty(ticket.parameters)}
            </pre>
          </Panel>
          <HistoryPanel ticketId={ticket.ticket_id} />
        </div>
      </div>
    </>
  )
}

/** What the API says that can be done now. */
function Actions({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const can = new Set(ticket.can)
  const [name, tag] = [ticket.task_id, tagOf(ticket)]
  const steer = useSteering(ticket)
  const asksApproval = ticket.error_code === 'approval'
  return (
    <>
      {can.has('unhold') ? (
        <Button
          leftSection={<Icon name={asksApproval ? 'check' : 'play'} size={16} />}
          loading={steer.isPending}
          onClick={() => steer.mutate('unhold')}
        >
          {asksApproval ? t('ticket.approve') : t('ticket.unhold')}
        </Button>
      ) : null}
      {can.has('retry') ? (
        <Button
          variant="default"
          leftSection={<Icon name="restart" size={16} />}
          loading={steer.isPending}
          onClick={() => steer.mutate('retry')}
        >
          {t('ticket.retry')}
        </Button>
      ) : null}
      {can.has('hold') ? (
        <Button
          variant="default"
          leftSection={<Icon name="pause" size={16} />}
          onClick={() => dialogs.open({ kind: 'hold-ticket', ticketId: ticket.ticket_id, name, tag })}
        >
          {t('ticket.hold')}
        </Button>
      ) : null}
      {can.has('cancel') ? (
        <Button
          variant="default"
          leftSection={<Icon name="stop" size={16} />}
          onClick={() => dialogs.open({ kind: 'cancel-ticket', ticketId: ticket.ticket_id, name, tag })}
        >
          {t('ticket.cancel')}
        </Button>
      ) : null}
      {steer.error ? <Failure error={steer.error} /> : null}
    </>
  )
}

/** What needs no question: trying again and letting go. A ticket that changed meanwhile is left alone. */
function useSteering(ticket: Ticket) {
  const { t } = useTranslation()
  const say = useSay()
  const params = { path: { ticket_id: ticket.ticket_id }, header: { 'If-Match': tagOf(ticket) } }
  const refresh = () =>
    Promise.all(
      ['ticket', 'ticket-history', 'plan', 'graph', 'plan-tickets'].map((key) =>
        queries.invalidateQueries({ queryKey: [key] }),
      ),
    )
  return useMutation({
    mutationFn: (verb: 'retry' | 'unhold') =>
      sent(
        verb === 'retry'
          ? api.POST('/api/v1/tickets/{ticket_id}/retry', { params })
          : api.PATCH('/api/v1/tickets/{ticket_id}/status', {
              params,
              body: { status: 'ready', reason: '' },
            }),
      ),
    onSuccess: async (_, verb) => {
      say(verb === 'retry' ? t('ticket.retry.done') : t('ticket.unhold.done'))
      await refresh()
    },
    onError: () => void refresh(),
  })
}

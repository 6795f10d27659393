import { Button, Menu, SegmentedControl } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../../api/client.ts'
import { queries } from '../../api/session.ts'
import type { Plan } from '../../api/types.ts'
import { useHearing, useWork } from '../../api/useWork.ts'
import { useDialogs } from '../../app/dialogs.tsx'
import { useTitle } from '../../app/useTitle.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Ago, Until, When } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { Facts } from '../../ui/Facts.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { Icon } from '../../ui/icons.tsx'
import { useSay } from '../../ui/notices.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { Board } from './Board.tsx'
import { PlanProgress } from './PlanProgress.tsx'
import css from './plans.module.css'
import { graphQuery, hasEnded, hearOf, planLook, planQuery } from './plans.ts'
import { TicketTable } from './TicketTable.tsx'

const Dag = lazy(() => import('./DagPanel.tsx'))

export type PlanView = 'list' | 'board' | 'graph'

/** One plan: how it stands, what can be done with it, and its tickets. */
export function PlanPage() {
  const { t } = useTranslation()
  const { planId } = useParams({ strict: false }) as { planId: string }
  const query = useQuery(planQuery(planId))
  useTitle(query.data?.name || t('nav.plans'))
  useWork(
    [
      ['plan', planId],
      ['plan-tickets', planId],
    ],
    (event) => event.subject === planId || event.data.plan_id === planId,
  )
  useHearing((event) => hearOf(planId, event))
  return <Asked query={query}>{(plan) => <PlanShown key={plan.plan_id} plan={plan} />}</Asked>
}

function PlanShown({ plan }: { plan: Plan }) {
  const { t } = useTranslation()
  return (
    <>
      <PageHead
        up={
          <Link to="/plans" className={ui.link}>
            {t('nav.plans')}
          </Link>
        }
        title={plan.name || plan.plan_id}
        tag={<StateTag look={planLook(plan)} />}
        note={plan.plan_id}
      >
        <Actions plan={plan} />
      </PageHead>
      <div className={ui.stack}>
        {plan.error_code ? <WhatWentWrong plan={plan} /> : null}
        <Counters plan={plan} />
        <Tickets plan={plan} />
      </div>
    </>
  )
}

function WhatWentWrong({ plan }: { plan: Plan }) {
  return (
    <div className={css.unreadable} data-tone="bad" role="note">
      <Icon name="warning" />
      <div>
        <strong className="mono">{plan.error_code}</strong>
        <p lang="en">{plan.error_message}</p>
      </div>
    </div>
  )
}

function Counters({ plan }: { plan: Plan }) {
  const { t } = useTranslation()
  const format = useFormat()
  const took = plan.finished_at == null ? null : plan.finished_at - (plan.started_at ?? plan.created_at)
  return (
    <Panel id="plan" icon="plan" title={t('plan.title')}>
      <div className={css.counters}>
        <PlanProgress plan={plan} />
        <Facts
          facts={[
            [t('plan.open'), format.number(plan.open_tickets, 0)],
            [t('ticket.succeeded'), format.number(plan.succeeded, 0)],
            [t('ticket.failed'), format.number(plan.failed, 0)],
            [t('plan.dropped'), format.number(plan.cancelled, 0)],
            [t('column.owner'), plan.owner],
            [t('plan.submitted_at'), <Ago key="at" at={plan.created_at} />],
            [t('column.deadline'), plan.deadline == null ? null : <Deadline key="end" plan={plan} />],
            [t('plan.took'), took === null ? null : format.duration(took)],
            [t('plan.on_failure'), t(POLICIES[plan.failure_policy])],
            [
              t('plan.replay_of'),
              plan.replay_of ? (
                <Link key="of" to="/plans/$planId" params={{ planId: plan.replay_of }} className={ui.link}>
                  {plan.replay_of.slice(-12)}
                </Link>
              ) : null,
            ],
            ...Object.entries(plan.metadata).map(([name, value]) => [name, value] as const),
          ]}
        />
      </div>
    </Panel>
  )
}

function Deadline({ plan }: { plan: Plan }) {
  if (plan.deadline == null) return null
  return hasEnded(plan) ? <When at={plan.deadline} /> : <Until at={plan.deadline} />
}

const POLICIES = {
  FAIL_FAST: 'plan.fail_fast',
  CONTINUE: 'plan.continue',
  COMPENSATE: 'plan.compensate',
} as const

/** What the API says that can be done now. */
function Actions({ plan }: { plan: Plan }) {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const can = new Set(plan.can)
  const steer = useSteering(plan)
  const name = plan.name || plan.plan_id
  return (
    <>
      {can.has('resume') ? (
        <Button
          variant="default"
          leftSection={<Icon name="play" size={16} />}
          loading={steer.isPending}
          onClick={() => steer.mutate('resume')}
        >
          {t('plan.resume')}
        </Button>
      ) : null}
      {can.has('pause') ? (
        <Button
          variant="default"
          leftSection={<Icon name="pause" size={16} />}
          loading={steer.isPending}
          onClick={() => steer.mutate('pause')}
        >
          {t('plan.pause')}
        </Button>
      ) : null}
      {can.has('replay') ? (
        <Button
          variant="default"
          leftSection={<Icon name="restart" size={16} />}
          onClick={() => dialogs.open({ kind: 'replay-plan', planId: plan.plan_id, name })}
        >
          {t('plan.replay')}
        </Button>
      ) : null}
      <Menu position="bottom-end" shadow="md" radius={12} withInitialFocusPlaceholder={false}>
        <Menu.Target>
          <Button variant="default" aria-label={t('plan.more')}>
            <Icon name="menu" />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => dialogs.open({ kind: 'verify-plan', planId: plan.plan_id })}>
            {t('plan.verify')}
          </Menu.Item>
          {can.has('cancel') ? (
            <Menu.Item
              c="var(--bad)"
              onClick={() => dialogs.open({ kind: 'cancel-plan', planId: plan.plan_id, name })}
            >
              {t('plan.cancel')}
            </Menu.Item>
          ) : null}
          {hasEnded(plan) ? (
            <Menu.Item
              c="var(--bad)"
              onClick={() => dialogs.open({ kind: 'forget-plan', planId: plan.plan_id, name })}
            >
              {t('plan.forget')}
            </Menu.Item>
          ) : null}
        </Menu.Dropdown>
      </Menu>
      {steer.error ? <Failure error={steer.error} /> : null}
    </>
  )
}

function useSteering(plan: Plan) {
  const { t } = useTranslation()
  const say = useSay()
  const params = { path: { plan_id: plan.plan_id } }
  return useMutation({
    mutationFn: (verb: 'pause' | 'resume') =>
      sent(
        verb === 'pause'
          ? api.POST('/api/v1/plans/{plan_id}/pause', { params })
          : api.POST('/api/v1/plans/{plan_id}/resume', { params }),
      ),
    onSuccess: (fresh, verb) => {
      queries.setQueryData(planQuery(plan.plan_id).queryKey, fresh)
      void queries.invalidateQueries({ queryKey: ['graph', plan.plan_id] })
      void queries.invalidateQueries({ queryKey: ['plan-tickets', plan.plan_id] })
      say(verb === 'pause' ? t('plan.paused.done') : t('plan.resumed.done'))
    },
  })
}

function Tickets({ plan }: { plan: Plan }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const { view = 'list' } = useSearch({ strict: false }) as { view?: PlanView }
  const choose = (chosen: string) =>
    void navigate({
      to: '/plans/$planId',
      params: { planId: plan.plan_id },
      search: chosen === 'list' ? {} : { view: chosen as PlanView },
      resetScroll: false,
    })
  return (
    <Panel
      id="tickets"
      icon="tasks"
      title={t('plan.tickets')}
      flush
      end={
        <SegmentedControl
          size="xs"
          value={view}
          onChange={choose}
          aria-label={t('plan.view')}
          data={[
            { value: 'list', label: t('plan.view.list') },
            { value: 'board', label: t('plan.view.board') },
            { value: 'graph', label: t('plan.view.graph') },
          ]}
        />
      }
    >
      {view === 'list' ? <TicketTable planId={plan.plan_id} /> : <Drawn planId={plan.plan_id} view={view} />}
    </Panel>
  )
}

function Drawn({ planId, view }: { planId: string; view: 'board' | 'graph' }) {
  const query = useQuery(graphQuery(planId))
  return (
    <div className={ui.pad}>
      <Asked query={query}>
        {(graph) =>
          view === 'board' ? (
            <Board planId={planId} nodes={graph.nodes} />
          ) : (
            <Suspense fallback={null}>
              <Dag graph={graph} />
            </Suspense>
          )
        }
      </Asked>
    </div>
  )
}

import { Button, Menu } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../../api/client.ts'
import { meQuery, queries, reaches } from '../../api/session.ts'
import type { Budget, Slo } from '../../api/types.ts'
import { useDialogs } from '../../app/dialogs.tsx'
import { useTitle } from '../../app/useTitle.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Ago } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { Facts } from '../../ui/Facts.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { Icon } from '../../ui/icons.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { FreezeHistory } from '../freezes/FreezeHistory.tsx'
import { BurnPanel } from './BurnPanel.tsx'
import { CoursePanel } from './CoursePanel.tsx'
import { Forecast, Left, Rate, useShare } from './Figures.tsx'
import css from './objectives.module.css'
import { budgetQuery, lookOf, sloQuery } from './objectives.ts'
import { SilencesPanel } from './SilencesPanel.tsx'

/** One objective: how its budget stands and stood, what alerts and freezes hang on it, and what it counts. */
export function ObjectivePage() {
  const { t } = useTranslation()
  const { sloId } = useParams({ strict: false }) as { sloId: string }
  const query = useQuery(sloQuery(sloId))
  useTitle(query.data?.slo.objective.name ?? t('nav.objectives'))
  return <Asked query={query}>{({ slo }) => <SloShown key={slo.slo_id} slo={slo} />}</Asked>
}

function SloShown({ slo }: { slo: Slo }) {
  const { t } = useTranslation()
  const { data: me } = useQuery(meQuery)
  const isOn = slo.objective.enabled !== false
  const budget = useQuery({ ...budgetQuery(slo.slo_id), enabled: isOn })
  const mayWrite = reaches(me?.user.role, 'operator')
  return (
    <>
      <PageHead
        up={
          <Link to="/objectives" className={ui.link}>
            {t('nav.objectives')}
          </Link>
        }
        title={slo.objective.name}
        tag={<StateTag look={lookOf({ slo, budget: budget.data })} />}
        note={slo.objective.description || slo.slo_id}
      >
        {mayWrite ? <Actions slo={slo} /> : null}
      </PageHead>
      <div className={ui.stack}>
        {slo.origin ? <p className={ui.note}>{t('slo.from_file', { file: slo.origin })}</p> : null}
        {isOn ? (
          <Asked query={budget}>{(found) => <Standing slo={slo} budget={found} />}</Asked>
        ) : (
          <p className={ui.note}>{t('slo.off.text')}</p>
        )}
        <CoursePanel slo={slo} />
        <BurnPanel slo={slo} budget={budget.data} />
        <Indicator slo={slo} mayWrite={mayWrite} />
        <FreezeHistory sloId={slo.slo_id} />
        <SilencesPanel sloId={slo.slo_id} mayWrite={mayWrite} />
      </div>
    </>
  )
}

function Standing({ slo, budget }: { slo: Slo; budget: Budget }) {
  const { t } = useTranslation()
  const format = useFormat()
  const share = useShare()
  const isMinutes = slo.objective.budgeting === 'Timeslices'
  const spent = t(isMinutes ? 'slo.spent_minutes' : 'slo.spent_events', {
    spent: format.number(budget.consumed, 1),
    total: format.number(budget.total, 1),
  })
  return (
    <Panel
      id="budget"
      icon="target"
      title={t('slo.budget')}
      note={
        <>
          {t('slo.calculated')} <Ago at={budget.calculated_at} />
        </>
      }
    >
      <div className={css.standing}>
        <Left budget={budget} />
        <Facts
          facts={[
            [t('slo.now'), share(budget.sli_value)],
            [
              t('slo.target'),
              t('slo.target_in', { target: share(budget.target), days: slo.objective.window_days ?? 30 }),
            ],
            [t('slo.spent'), budget.remaining == null ? null : spent],
            [t('slo.burn'), <Rate key="r" budget={budget} />],
            [t('slo.forecast'), <Forecast key="f" budget={budget} />],
            [t('slo.violations'), format.number(budget.violations ?? 0, 0)],
          ]}
        />
        {budget.status === 'NO_DATA' ? <p className={ui.note}>{t('budget.no_data.hint')}</p> : null}
      </div>
    </Panel>
  )
}

function Actions({ slo }: { slo: Slo }) {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const recalculating = useMutation({
    mutationFn: () =>
      sent(api.POST('/api/v1/budgets/{slo_id}/recalculate', { params: { path: { slo_id: slo.slo_id } } })),
    onSuccess: (fresh) => queries.setQueryData(budgetQuery(slo.slo_id).queryKey, fresh),
  })
  return (
    <>
      {slo.origin ? null : (
        <Button
          component={Link}
          to="/objectives/$sloId/edit"
          params={{ sloId: slo.slo_id } as never}
          variant="default"
          leftSection={<Icon name="sliders" size={16} />}
        >
          {t('slo.change')}
        </Button>
      )}
      <Menu position="bottom-end" shadow="md" radius={12} withInitialFocusPlaceholder={false}>
        <Menu.Target>
          <Button variant="default" aria-label={t('slo.more')} loading={recalculating.isPending}>
            <Icon name="menu" />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => recalculating.mutate()}>{t('slo.recalculate')}</Menu.Item>
          <Menu.Item
            component="a"
            href={`/api/v1/slos/export?slo_id=${encodeURIComponent(slo.slo_id)}`}
            download={`${slo.slo_id}.yaml`}
          >
            {t('slo.export')}
          </Menu.Item>
          <Menu.Item
            component="a"
            href={`/api/v1/slos/${encodeURIComponent(slo.slo_id)}/rules`}
            download={`${slo.slo_id}.rules.yml`}
          >
            {t('slo.rules')}
          </Menu.Item>
          {slo.origin ? null : (
            <Menu.Item c="var(--bad)" onClick={() => dialogs.open({ kind: 'remove-slo', sloId: slo.slo_id })}>
              {t('slo.remove')}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      {recalculating.error ? <Failure error={recalculating.error} /> : null}
    </>
  )
}

function Indicator({ slo, mayWrite }: { slo: Slo; mayWrite: boolean }) {
  const { t } = useTranslation()
  const format = useFormat()
  const share = useShare()
  const { sli_query: query, ...objective } = slo.objective
  const testing = useMutation({
    mutationFn: () =>
      sent(api.POST('/api/v1/slos/{slo_id}/test', { params: { path: { slo_id: slo.slo_id } } })),
  })
  const code = (text: string | undefined) => (text ? <code className="mono">{text}</code> : null)
  return (
    <Panel
      id="indicator"
      icon="lines"
      title={t('indicator.title')}
      end={
        mayWrite ? (
          <Button
            size="compact-sm"
            variant="default"
            loading={testing.isPending}
            onClick={() => testing.mutate()}
          >
            {t('indicator.test')}
          </Button>
        ) : null
      }
    >
      <Facts
        facts={[
          [t('slo.service'), objective.service_name],
          [t('slo.layer'), objective.layer],
          [t('slo.type'), objective.slo_type],
          [t('slo.source'), query?.source],
          [t('slo.model'), query?.model],
          [t('slo.node'), query?.node],
          [t('slo.kind'), query?.kind],
          [
            t('slo.threshold'),
            query?.threshold_seconds == null
              ? null
              : `${format.duration(query.threshold_seconds)} (${query.measure ?? 'total'})`,
          ],
          [t('slo.valid'), code(query?.valid)],
          [t('slo.good'), code(query?.good)],
          [t('slo.bad'), code(query?.bad)],
          [t('slo.budgeting'), objective.budgeting],
          [t('slo.slice_target'), objective.slice_target == null ? null : share(objective.slice_target)],
          [t('slo.min_bad'), format.number(objective.min_bad_events ?? 3, 0)],
        ]}
      />
      {testing.error ? <Failure error={testing.error} /> : null}
      {testing.data ? (
        <p className={css.tested} role="status" data-tone={testing.data.problem ? 'bad' : 'ok'}>
          <Icon name={testing.data.problem ? 'warning' : 'check'} size={16} />
          {testing.data.problem ||
            t('indicator.tested', {
              good: format.number(testing.data.good ?? 0, 0),
              valid: format.number(testing.data.valid ?? 0, 0),
              share: share(testing.data.sli_value),
              time: format.duration(testing.data.window_seconds ?? 3600),
            })}
        </p>
      ) : null}
    </Panel>
  )
}

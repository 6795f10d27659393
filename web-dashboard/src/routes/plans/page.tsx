import { Button, NativeSelect } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { Plan, PlanState } from '../../api/types.ts'
import { useWork } from '../../api/useWork.ts'
import { PLAN_STATES } from '../../app/searches.ts'
import { useTitle } from '../../app/useTitle.ts'
import { Ago, Until } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { Icon } from '../../ui/icons.tsx'
import { More } from '../../ui/More.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { PlanProgress } from './PlanProgress.tsx'
import { hasEnded, isPlanState, PLAN, planLook, plansQuery } from './plans.ts'
import { WorkSwitch } from './WorkSwitch.tsx'

const column = createColumnHelper<Plan>()

/** Plans, the newest first; which ones stands in the address. */
export function PlansPage() {
  const { t } = useTranslation()
  useTitle(t('nav.plans'))
  const navigate = useNavigate()
  const { data: me } = useQuery(meQuery)
  const { status, owner = '' } = useSearch({ strict: false }) as { status?: PlanState; owner?: string }
  const pages = useInfiniteQuery(plansQuery(status))
  useWork([['plans']])
  const known = useMemo(() => pages.data?.pages.flatMap((page) => page.items) ?? [], [pages.data])
  const rows = owner ? known.filter((plan) => plan.owner === owner) : known
  const seesAll = reaches(me?.user.role, 'operator')
  const columns = useColumns(seesAll)
  const ask = (change: { status?: PlanState | undefined; owner?: string | undefined }) =>
    void navigate({ to: '/plans', search: { status, owner: owner || undefined, ...change } })
  const owners = [...new Set([...known.map((plan) => plan.owner), ...(owner ? [owner] : [])])].sort()
  return (
    <>
      <PageHead
        title={t('plans.heading')}
        tag={<WorkSwitch at="/plans" />}
        note={seesAll ? t('plans.note.all') : t('plans.note.own')}
      >
        <Button component={Link} to="/plans/new" leftSection={<Icon name="plus" size={16} />}>
          {t('plans.new')}
        </Button>
      </PageHead>
      <div className={ui.filters}>
        <NativeSelect
          label={t('column.state')}
          value={status ?? ''}
          onChange={({ currentTarget: { value } }) => ask({ status: isPlanState(value) ? value : undefined })}
          data={[
            { value: '', label: t('filter.all') },
            ...PLAN_STATES.map((state) => ({ value: state, label: t(PLAN[state].word) })),
          ]}
        />
        {seesAll ? (
          <NativeSelect
            label={t('column.owner')}
            value={owner}
            onChange={({ currentTarget: { value } }) => ask({ owner: value || undefined })}
            data={[{ value: '', label: t('filter.all') }, ...owners]}
          />
        ) : null}
      </div>
      <Asked query={pages}>
        {() => (
          <Panel
            id="plans"
            icon="plan"
            title={t('nav.plans')}
            note={t('count.shown', { count: rows.length })}
            flush
          >
            {rows.length === 0 ? (
              <Empty title={status || owner ? t('plans.none.met') : t('plans.none')}>
                {t('plans.none.hint')}
              </Empty>
            ) : (
              <DataTable
                label={t('nav.plans')}
                rows={rows}
                columns={columns}
                rowId={(plan) => plan.plan_id}
              />
            )}
            <More pages={pages} />
          </Panel>
        )}
      </Asked>
    </>
  )
}

function useColumns(withOwner: boolean) {
  const { t } = useTranslation()
  return useMemo(
    () => [
      column.accessor((plan) => plan.name || plan.plan_id, {
        id: 'name',
        header: t('column.name'),
        meta: { card: 'bare' },
        cell: ({ row: { original: plan } }) => (
          <Link to="/plans/$planId" params={{ planId: plan.plan_id }} className={ui.link}>
            {plan.name || plan.plan_id.slice(-12)}
          </Link>
        ),
      }),
      column.accessor('status', {
        header: t('column.state'),
        meta: { card: 'state' },
        cell: ({ row }) => <StateTag look={planLook(row.original)} />,
      }),
      ...(withOwner ? [column.accessor('owner', { header: t('column.owner') })] : []),
      column.accessor((plan) => (plan.tickets - plan.open_tickets) / Math.max(1, plan.tickets), {
        id: 'progress',
        header: t('column.progress'),
        meta: { card: 'wide' },
        cell: ({ row }) => <PlanProgress plan={row.original} />,
      }),
      column.accessor('created_at', {
        header: t('column.age'),
        meta: { align: 'end' },
        cell: ({ row }) => <Ago at={row.original.created_at} />,
      }),
      column.accessor((plan) => plan.deadline ?? undefined, {
        id: 'deadline',
        header: t('column.deadline'),
        meta: { align: 'end', minor: true },
        sortUndefined: 'last',
        cell: ({ row: { original: plan } }) =>
          plan.deadline == null || hasEnded(plan) ? '–' : <Until at={plan.deadline} />,
      }),
    ],
    [t, withOwner],
  )
}

import { Button, NativeSelect } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { BudgetState } from '../../api/types.ts'
import { freezesQuery } from '../../app/freezes.ts'
import { BUDGET_STATES } from '../../app/searches.ts'
import { useTitle } from '../../app/useTitle.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Asked } from '../../ui/Asked.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { Icon } from '../../ui/icons.tsx'
import { More } from '../../ui/More.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { Named } from '../overview/Named.tsx'
import { Forecast, Left, Rate, useShare } from './Figures.tsx'
import {
  BUDGET,
  budgetsQuery,
  firing,
  hourOf,
  isBudgetState,
  lookOf,
  type Row,
  rowsOf,
  slosQuery,
} from './objectives.ts'

const column = createColumnHelper<Row>()

/** What is promised, the worst first; which ones stands in the address. */
export function ObjectivesPage() {
  const { t } = useTranslation()
  useTitle(t('nav.objectives'))
  const { data: me } = useQuery(meQuery)
  const { status, service = '' } = useSearch({ strict: false }) as { status?: BudgetState; service?: string }
  const pages = useInfiniteQuery(slosQuery(service))
  const budgets = useQuery(budgetsQuery)
  const slos = useMemo(() => pages.data?.pages.flatMap((page) => page.items) ?? [], [pages.data])
  const all = useMemo(() => rowsOf(slos, budgets.data ?? []), [slos, budgets.data])
  const rows = status ? all.filter((row) => (row.budget?.status ?? 'NO_DATA') === status) : all
  const mayWrite = reaches(me?.user.role, 'operator')
  const columns = useColumns()
  return (
    <>
      <PageHead title={t('objectives.heading')} note={t('objectives.note')}>
        <FreezesLink />
        {mayWrite ? (
          <Button component={Link} to="/objectives/new" leftSection={<Icon name="plus" size={16} />}>
            {t('objectives.new')}
          </Button>
        ) : null}
      </PageHead>
      <Filters status={status} service={service} slos={slos.map((slo) => slo.objective.service_name ?? '')} />
      <Asked query={pages}>
        {() => (
          <Panel
            id="objectives"
            icon="target"
            title={t('nav.objectives')}
            note={t('count.shown', { count: rows.length })}
            flush
          >
            {budgets.error ? <p className={ui.note}>{t('objectives.partial')}</p> : null}
            {rows.length === 0 ? (
              <Empty title={status || service ? t('objectives.none.met') : t('objectives.none')}>
                {t('objectives.none.hint')}
              </Empty>
            ) : (
              <DataTable
                label={t('nav.objectives')}
                rows={rows}
                columns={columns}
                rowId={(row) => row.slo.slo_id}
              />
            )}
            <More pages={pages} />
          </Panel>
        )}
      </Asked>
    </>
  )
}

function FreezesLink() {
  const { t } = useTranslation()
  const { data: freezes = [] } = useQuery(freezesQuery)
  return (
    <Button component={Link} to="/freezes" variant="default" leftSection={<Icon name="frost" size={16} />}>
      {t('freezes.link', { count: freezes.length })}
    </Button>
  )
}

interface FiltersProps {
  status: BudgetState | undefined
  service: string
  slos: readonly string[]
}

function Filters({ status, service, slos }: FiltersProps) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const ask = (change: { status?: BudgetState | undefined; service?: string | undefined }) =>
    void navigate({ to: '/objectives', search: { status, service: service || undefined, ...change } })
  const services = [...new Set([...slos, ...(service ? [service] : [])])].filter(Boolean).sort()
  return (
    <div className={ui.filters}>
      <NativeSelect
        label={t('column.state')}
        value={status ?? ''}
        onChange={({ currentTarget: { value } }) => ask({ status: isBudgetState(value) ? value : undefined })}
        data={[
          { value: '', label: t('filter.all') },
          ...BUDGET_STATES.map((state) => ({ value: state, label: t(BUDGET[state].word) })),
        ]}
      />
      <NativeSelect
        label={t('slo.service')}
        value={service}
        onChange={({ currentTarget: { value } }) => ask({ service: value || undefined })}
        data={[{ value: '', label: t('filter.all') }, ...services]}
      />
    </div>
  )
}

function useColumns() {
  const { t } = useTranslation()
  const format = useFormat()
  const share = useShare()
  // biome-ignore lint/correctness/useExhaustiveDependencies: `share` changes with the language, as `t` does
  return useMemo(
    () => [
      column.accessor((row) => row.slo.objective.name, {
        id: 'name',
        header: t('column.name'),
        meta: { card: 'bare' },
        cell: ({ row: { original } }) => (
          <Link to="/objectives/$sloId" params={{ sloId: original.slo.slo_id }} className={ui.link}>
            <Named name={original.slo.objective.name} note={original.slo.objective.service_name ?? ''} />
          </Link>
        ),
      }),
      column.accessor((row) => row.budget?.status ?? '', {
        id: 'state',
        header: t('column.state'),
        meta: { card: 'state' },
        cell: ({ row }) => <StateTag look={lookOf(row.original)} />,
      }),
      column.accessor((row) => row.slo.objective.target, {
        id: 'target',
        header: t('slo.target'),
        meta: { align: 'end' },
        cell: ({ row }) =>
          t('slo.target_in', {
            target: share(row.original.slo.objective.target),
            days: row.original.slo.objective.window_days ?? 30,
          }),
      }),
      column.accessor((row) => row.budget?.sli_value ?? undefined, {
        id: 'sli',
        header: t('slo.now'),
        meta: { align: 'end', minor: true },
        sortUndefined: 'last',
        cell: ({ row }) => share(row.original.budget?.sli_value),
      }),
      column.accessor((row) => row.budget?.remaining ?? undefined, {
        id: 'left',
        header: t('slo.left'),
        sortUndefined: 'last',
        cell: ({ row }) => <Left budget={row.original.budget} />,
      }),
      column.accessor((row) => hourOf(row.budget)?.burn_rate ?? undefined, {
        id: 'burn',
        header: t('slo.burn'),
        sortUndefined: 'last',
        cell: ({ row }) => <Rate budget={row.original.budget} />,
      }),
      column.accessor((row) => row.budget?.exhausted_in_seconds ?? undefined, {
        id: 'forecast',
        header: t('slo.forecast'),
        meta: { minor: true },
        sortUndefined: 'last',
        cell: ({ row }) => <Forecast budget={row.original.budget} />,
      }),
      column.accessor((row) => firing(row.budget), {
        id: 'alerts',
        header: t('slo.alerts'),
        meta: { align: 'end' },
        cell: ({ row }) => {
          const count = firing(row.original.budget)
          return count > 0 ? t('slo.firing', { count }) : format.number(0)
        },
      }),
    ],
    [t, format],
  )
}

import { useQuery } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { lazy, Suspense, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Past, Slo } from '../../api/types.ts'
import { moment } from '../../i18n/moment.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { When } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { type View, ViewSwitch } from '../../ui/ViewSwitch.tsx'
import { useShare } from './Figures.tsx'
import css from './objectives.module.css'
import { BUDGET, courseOf, pastQuery } from './objectives.ts'

const BudgetChart = lazy(() => import('./BudgetChart.tsx'))

/** The budget over time, drawn or as a table; a sentence says the same. */
export function CoursePanel({ slo }: { slo: Slo }) {
  const { t } = useTranslation()
  const query = useQuery(pastQuery(slo.slo_id))
  const [view, setView] = useState<View>('chart')
  return (
    <Panel
      id="course"
      icon="chart"
      title={t('slo.course')}
      end={<ViewSwitch value={view} onChange={setView} />}
    >
      <Asked query={query}>
        {(past) =>
          past.length === 0 ? (
            <div className={ui.outdent}>
              <Empty title={t('slo.course.none')}>{t('slo.course.none.hint')}</Empty>
            </div>
          ) : view === 'chart' ? (
            <Drawn past={past} slo={slo} />
          ) : (
            <CourseTable past={past} />
          )
        }
      </Asked>
    </Panel>
  )
}

function Drawn({ past, slo }: { past: readonly Past[]; slo: Slo }) {
  const course = useMemo(() => courseOf(past), [past])
  const { warning = 0.5, critical = 0.2 } = slo.objective.thresholds ?? {}
  return (
    <>
      <Summary past={past} />
      <div className={css.drawn}>
        <Suspense fallback={null}>
          <BudgetChart course={course} warning={warning * 100} critical={critical * 100} />
        </Suspense>
      </div>
    </>
  )
}

function Summary({ past }: { past: readonly Past[] }) {
  const { t } = useTranslation()
  const format = useFormat()
  const share = useShare()
  const known = past.filter((one) => one.remaining != null)
  const [first, last] = [known[0], known.at(-1)]
  if (!first || !last) return <p className={ui.note}>{t('slo.course.unknown')}</p>
  const least = known.reduce((low, one) => ((one.remaining ?? 0) < (low.remaining ?? 0) ? one : low), first)
  const now = Date.now() / 1000
  return (
    <p className={ui.note}>
      {t('slo.course.summary', {
        since: moment(format, first.calculated_at, now),
        from: share(first.remaining, 1),
        to: share(last.remaining, 1),
        least: share(least.remaining, 1),
        when: moment(format, least.calculated_at, now),
      })}
    </p>
  )
}

const column = createColumnHelper<Past>()

function CourseTable({ past }: { past: readonly Past[] }) {
  const { t } = useTranslation()
  const share = useShare()
  const rows = useMemo(() => past.toReversed(), [past])
  // biome-ignore lint/correctness/useExhaustiveDependencies: `share` changes with the language, as `t` does
  const columns = useMemo(
    () => [
      column.accessor('calculated_at', {
        header: t('column.time'),
        meta: { card: 'bare' },
        cell: ({ row }) => <When at={row.original.calculated_at} />,
      }),
      column.accessor('status', {
        header: t('column.state'),
        meta: { card: 'state' },
        cell: ({ row }) => <StateTag look={BUDGET[row.original.status]} />,
      }),
      column.accessor((one) => one.remaining ?? undefined, {
        id: 'left',
        header: t('slo.left'),
        meta: { align: 'end' },
        sortUndefined: 'last',
        cell: ({ row }) => share(row.original.remaining, 1),
      }),
      column.accessor((one) => one.sli_value ?? undefined, {
        id: 'sli',
        header: t('slo.now'),
        meta: { align: 'end' },
        sortUndefined: 'last',
        cell: ({ row }) => share(row.original.sli_value),
      }),
    ],
    [t],
  )
  return (
    <div className={ui.outdent}>
      <DataTable
        label={t('slo.course')}
        rows={rows}
        columns={columns}
        rowId={(one) => String(one.calculated_at)}
      />
    </div>
  )
}

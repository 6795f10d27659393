import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../i18n/useFormat.ts'
import { Asked } from '../../ui/Asked.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import type { Look } from '../../ui/states.ts'
import ui from '../../ui/ui.module.css'
import { budgetsQuery, slosQuery } from '../objectives/objectives.ts'
import css from './events.module.css'
import { type Firing, firingOf } from './events.ts'

const FIRES: Look = { tone: 'bad', icon: 'bell', word: 'alert.fires' }
const column = createColumnHelper<Firing>()

/** Alerts of objectives whose budget burns too fast now. */
export function FiringPanel() {
  const { t } = useTranslation()
  const budgets = useQuery(budgetsQuery)
  const slos = useInfiniteQuery(slosQuery(''))
  // Without the objectives their ids stand for their names.
  const firing = firingOf(slos.data?.pages.flatMap((page) => page.items) ?? [], budgets.data ?? [])
  return (
    <Panel id="firing" icon="bell" title={t('firing.title')} flush>
      <div className={firing.length > 0 ? '' : ui.pad}>
        <Asked query={budgets}>
          {() =>
            firing.length === 0 ? (
              <div className={ui.outdent}>
                <Empty title={t('firing.none')}>{t('firing.none.hint')}</Empty>
              </div>
            ) : (
              <Alerts firing={firing} />
            )
          }
        </Asked>
      </div>
    </Panel>
  )
}

function Alerts({ firing }: { firing: readonly Firing[] }) {
  const { t } = useTranslation()
  const format = useFormat()
  const columns = useMemo(
    () => [
      column.accessor('name', {
        header: t('firing.objective'),
        meta: { card: 'bare' },
        cell: ({ row: { original } }) => (
          <Link to="/objectives/$sloId" params={{ sloId: original.sloId }} className={css.objective}>
            {original.name}
          </Link>
        ),
      }),
      column.display({
        id: 'state',
        header: t('column.state'),
        meta: { card: 'state' },
        cell: () => <StateTag look={FIRES} />,
      }),
      column.accessor((one) => one.alert.factor, {
        id: 'rule',
        header: t('burn.threshold'),
        cell: ({ row: { original: one } }) =>
          t('firing.rule', {
            long: format.duration(one.alert.long_seconds),
            short: format.duration(one.alert.short_seconds),
            rate: t('slo.times', { rate: format.number(one.alert.factor, 1) }),
          }),
      }),
      column.accessor((one) => one.alert.severity, { id: 'severity', header: t('burn.severity') }),
    ],
    [t, format],
  )
  return (
    <DataTable
      label={t('firing.title')}
      rows={firing}
      columns={columns}
      rowId={(one) => `${one.sloId} ${one.alert.long_seconds} ${one.alert.short_seconds}`}
    />
  )
}

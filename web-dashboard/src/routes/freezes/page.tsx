import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { FreezePolicy } from '../../api/types.ts'
import { ACTIONS, freezesQuery } from '../../app/freezes.ts'
import { useTitle } from '../../app/useTitle.ts'
import { Asked } from '../../ui/Asked.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { useShare } from '../objectives/Figures.tsx'
import { FreezeHistory } from './FreezeHistory.tsx'
import { FreezeList } from './FreezeList.tsx'
import { policiesQuery } from './queries.ts'

/** What is frozen now and why, what was, and what would freeze something. */
export function FreezesPage() {
  const { t } = useTranslation()
  useTitle(t('freezes.heading'))
  const active = useQuery(freezesQuery)
  const policies = useQuery(policiesQuery)
  return (
    <>
      <PageHead
        up={
          <Link to="/objectives" className={ui.link}>
            {t('nav.objectives')}
          </Link>
        }
        title={t('freezes.heading')}
        note={t('freezes.text')}
      />
      <div className={ui.stack}>
        <Panel id="freezes" icon="frost" title={t('freezes.now')} flush>
          <div className={ui.pad}>
            <Asked query={active}>
              {(freezes) =>
                freezes.length === 0 ? (
                  <div className={ui.outdent}>
                    <Empty title={t('freezes.none')}>{t('freezes.none.hint')}</Empty>
                  </div>
                ) : (
                  <FreezeList freezes={freezes} />
                )
              }
            </Asked>
          </div>
        </Panel>
        <Panel id="policies" icon="sliders" title={t('policies.title')} flush>
          <div className={policies.data?.length ? '' : ui.pad}>
            <Asked query={policies}>{(items) => <Policies policies={items} />}</Asked>
          </div>
        </Panel>
        <FreezeHistory />
      </div>
    </>
  )
}

const column = createColumnHelper<FreezePolicy>()

function Policies({ policies }: { policies: readonly FreezePolicy[] }) {
  const { t } = useTranslation()
  const share = useShare()
  // biome-ignore lint/correctness/useExhaustiveDependencies: `share` changes with the language, as `t` does
  const columns = useMemo(
    () => [
      column.accessor((row) => row.policy.name, {
        id: 'name',
        header: t('column.name'),
        meta: { card: 'bare' },
      }),
      column.accessor((row) => row.policy.actions.join(' '), {
        id: 'actions',
        header: t('policies.refuses'),
        cell: ({ row }) => row.original.policy.actions.map((one) => t(ACTIONS[one])).join(', '),
      }),
      column.accessor((row) => row.policy.target ?? '', {
        id: 'target',
        header: t('policies.target'),
        cell: ({ row: { original } }) =>
          original.policy.scope === 'GLOBAL' ? t('freeze.everything') : original.policy.target || '–',
      }),
      column.accessor((row) => row.policy.trigger_below ?? 0, {
        id: 'below',
        header: t('policies.below'),
        meta: { align: 'end' },
        cell: ({ row }) => share(row.original.policy.trigger_below ?? 0, 1),
      }),
      column.accessor((row) => row.policy.release_above ?? 0, {
        id: 'above',
        header: t('policies.above'),
        meta: { align: 'end' },
        cell: ({ row }) => share(row.original.policy.release_above ?? 0, 1),
      }),
      column.accessor((row) => row.policy.enabled !== false, {
        id: 'on',
        header: t('policies.on'),
        cell: ({ row }) => (row.original.policy.enabled === false ? t('word.no') : t('word.yes')),
      }),
    ],
    [t],
  )
  if (policies.length === 0) {
    return (
      <div className={ui.outdent}>
        <Empty title={t('policies.none')}>{t('policies.none.hint')}</Empty>
      </div>
    )
  }
  return (
    <DataTable label={t('policies.title')} rows={policies} columns={columns} rowId={(row) => row.policy_id} />
  )
}

import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { FreezePolicy } from '../../api/types.ts'
import { ACTIONS } from '../../app/freezes.ts'
import { Asked } from '../../ui/Asked.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { useShare } from '../objectives/Figures.tsx'
import css from './freezes.module.css'
import { type PolicyAsk, PolicyDialog } from './PolicyDialogs.tsx'
import { policiesQuery } from './queries.ts'

/** What would freeze something; administrators make, change and remove policies. */
export function PoliciesPanel() {
  const { t } = useTranslation()
  const policies = useQuery(policiesQuery)
  const { data: me } = useQuery(meQuery)
  const [ask, setAsk] = useState<PolicyAsk | null>(null)
  const mayChange = reaches(me?.user.role, 'admin')
  return (
    <Panel
      id="policies"
      icon="sliders"
      title={t('policies.title')}
      end={
        mayChange ? (
          <Button
            size="compact-sm"
            leftSection={<Icon name="plus" size={14} />}
            onClick={() => setAsk({ kind: 'new' })}
          >
            {t('policies.new')}
          </Button>
        ) : null
      }
      flush
    >
      <div className={policies.data?.length ? '' : ui.pad}>
        <Asked query={policies}>
          {(items) => <Policies policies={items} onAsk={mayChange ? setAsk : null} />}
        </Asked>
      </div>
      {ask ? <PolicyDialog ask={ask} onClose={() => setAsk(null)} /> : null}
    </Panel>
  )
}

const column = createColumnHelper<FreezePolicy>()

interface PoliciesProps {
  policies: readonly FreezePolicy[]
  /** None for those who may only look. */
  onAsk: ((ask: PolicyAsk) => void) | null
}

function Policies({ policies, onAsk }: PoliciesProps) {
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
      ...(onAsk
        ? [
            column.display({
              id: 'acts',
              header: t('column.actions'),
              cell: ({ row }) => <Acts policy={row.original} onAsk={onAsk} />,
            }),
          ]
        : []),
    ],
    [t, onAsk],
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

function Acts({ policy, onAsk }: { policy: FreezePolicy; onAsk: (ask: PolicyAsk) => void }) {
  const { t } = useTranslation()
  // What stands in a file is changed there: the API refuses it here.
  if (policy.origin)
    return <span className={ui.note}>{t('policies.from_file', { file: policy.origin })}</span>
  const button = (kind: 'change' | 'remove', word: string) => (
    <Button
      size="compact-sm"
      variant="default"
      aria-label={`${word} ${policy.policy.name}`}
      onClick={() => onAsk({ kind, policy })}
    >
      {word}
    </Button>
  )
  return (
    <span className={css.acts}>
      {button('change', t('policies.change'))}
      {button('remove', t('policies.remove'))}
    </span>
  )
}

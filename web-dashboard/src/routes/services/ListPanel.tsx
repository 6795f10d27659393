import { Button, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { Instance } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Ago } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { mayRemove } from './registering.ts'
import { type ServiceAsk, ServiceDialog } from './ServiceDialogs.tsx'
import css from './services.module.css'
import { fits, instancesQuery, type Search, STATES } from './services.ts'

/** All that registered; operators register services of their own and take them out again. */
export function ListPanel() {
  const { t } = useTranslation()
  const { q = '', able } = useSearch({ strict: false }) as Search
  const navigate = useNavigate()
  const instances = useQuery(instancesQuery)
  const { data: me } = useQuery(meQuery)
  const [ask, setAsk] = useState<ServiceAsk | null>(null)
  return (
    <Panel
      id="services"
      icon="parts"
      title={t('services.title')}
      end={
        reaches(me?.user.role, 'operator') ? (
          <Button
            size="compact-sm"
            leftSection={<Icon name="plus" size={14} />}
            onClick={() => setAsk({ kind: 'register' })}
          >
            {t('services.register')}
          </Button>
        ) : null
      }
      flush
    >
      <div className={ui.pad}>
        <TextInput
          size="xs"
          label={t('services.narrow')}
          value={q}
          onChange={(event) => {
            const typed = event.currentTarget.value
            void navigate({ to: '/services', search: { able, q: typed || undefined }, replace: true })
          }}
          maxLength={128}
          autoComplete="off"
          spellCheck={false}
        />
      </div>
      <div className={instances.data?.length ? '' : ui.pad}>
        <Asked query={instances}>
          {(all) => {
            const shown = all.filter((one) => fits(one, q))
            return shown.length === 0 ? (
              <div className={ui.outdent}>
                <Empty title={t(all.length === 0 ? 'services.empty' : 'services.none')}>
                  {t('services.none.hint')}
                </Empty>
              </div>
            ) : (
              <Instances instances={shown} onAsk={setAsk} />
            )
          }}
        </Asked>
      </div>
      {ask ? <ServiceDialog ask={ask} onClose={() => setAsk(null)} /> : null}
    </Panel>
  )
}

const column = createColumnHelper<Instance>()

interface InstancesProps {
  instances: readonly Instance[]
  onAsk: (ask: ServiceAsk) => void
}

function Instances({ instances, onAsk }: InstancesProps) {
  const { t } = useTranslation()
  const { data: me } = useQuery(meQuery)
  const user = me?.user
  const isAny = instances.some((one) => mayRemove(one, user))
  const columns = useMemo(
    () => [
      column.accessor('name', { header: t('column.name'), meta: { card: 'bare' } }),
      column.accessor('kind', { header: t('column.kind') }),
      column.accessor('state', {
        header: t('column.state'),
        cell: ({ getValue }) => <StateTag look={STATES[getValue()]} />,
        meta: { card: 'state' },
      }),
      column.accessor((row) => (row.capabilities ?? []).join(', '), {
        id: 'capabilities',
        header: t('services.abilities'),
        cell: ({ getValue }) => <span className={css.words}>{getValue()}</span>,
        meta: { card: 'wide' },
      }),
      column.accessor((row) => row.telemetry?.load ?? -1, {
        id: 'load',
        header: t('services.load'),
        cell: ({ row }) => <Share value={row.original.telemetry?.load} />,
        meta: { align: 'end' },
      }),
      column.accessor((row) => row.url || row.address || '', {
        id: 'address',
        header: t('services.address'),
        cell: ({ getValue }) => <code className="mono">{getValue()}</code>,
        meta: { minor: true },
      }),
      column.accessor('owner', { header: t('column.owner'), meta: { minor: true } }),
      column.accessor('seen_at', {
        header: t('column.seen'),
        cell: ({ getValue }) => <Ago at={getValue()} />,
      }),
      ...(isAny
        ? [
            column.display({
              id: 'acts',
              header: t('column.actions'),
              cell: ({ row: { original } }) =>
                mayRemove(original, user) ? (
                  <Button
                    size="compact-sm"
                    variant="default"
                    aria-label={t('services.remove.title', { name: original.name })}
                    onClick={() => onAsk({ kind: 'remove', instance: original })}
                  >
                    {t('services.remove')}
                  </Button>
                ) : null,
            }),
          ]
        : []),
    ],
    [t, isAny, user, onAsk],
  )
  return <DataTable label={t('services.title')} rows={instances} columns={columns} rowId={(row) => row.id} />
}

function Share({ value }: { value: number | null | undefined }) {
  const format = useFormat()
  return value === null || value === undefined ? '-' : format.percent(100 * value)
}

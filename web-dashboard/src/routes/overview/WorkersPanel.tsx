import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { Overview, Worker } from '../../api/types.ts'
import { useDialogs } from '../../app/dialogs.tsx'
import { useFormat } from '../../i18n/useFormat.ts'
import { Icon } from '../../ui/icons.tsx'
import { TablePanel } from '../../ui/TablePanel.tsx'
import { WorkerMemory } from '../../ui/WorkerMemory.tsx'
import { whyNone } from '../machines/share.ts'
import { Named } from './Named.tsx'

const column = createColumnHelper<Worker>()

export function WorkersPanel({ compute }: { compute: Overview['compute'] }) {
  const { t } = useTranslation()
  const columns = useColumns()
  const { workers, reachable } = compute
  return (
    <TablePanel
      id="workers"
      icon="worker"
      title={t('workers.title')}
      note={reachable ? undefined : t('compute.silent')}
      end={<AddWorkers />}
      rows={workers}
      columns={columns}
      rowId={(worker) => worker.address}
      none={
        reachable
          ? { title: t('workers.none'), hint: t(whyNone(compute.here.why_none) ?? 'workers.none.hint') }
          : { title: t('compute.silent.title'), hint: t('compute.silent.hint') }
      }
    />
  )
}

function AddWorkers() {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const { data: me } = useQuery(meQuery)
  if (!reaches(me?.user.role, 'operator')) return null
  return (
    <Button
      size="compact-sm"
      variant="subtle"
      leftSection={<Icon name="plus" size={15} />}
      onClick={() => dialogs.open({ kind: 'workers' })}
    >
      {t('workers.add')}
    </Button>
  )
}

function useColumns() {
  const { t } = useTranslation()
  const format = useFormat()
  return useMemo(
    () => [
      column.accessor('name', {
        header: t('column.name'),
        meta: { card: 'wide' },
        cell: ({ row }) => <Named name={row.original.name} note={row.original.address} />,
      }),
      column.accessor('threads', { header: t('column.threads'), meta: { align: 'end' } }),
      column.accessor('cpu', {
        header: t('column.cpu'),
        meta: { align: 'end' },
        cell: ({ row }) => format.percent(row.original.cpu),
      }),
      column.accessor('memory', {
        header: t('column.memory'),
        cell: ({ row }) => <WorkerMemory worker={row.original} />,
      }),
      column.accessor('executing', { header: t('column.executing'), meta: { align: 'end' } }),
      column.accessor('ready', { header: t('column.ready'), meta: { align: 'end' } }),
      column.accessor('in_memory', { header: t('column.in_memory'), meta: { align: 'end' } }),
    ],
    [t, format],
  )
}

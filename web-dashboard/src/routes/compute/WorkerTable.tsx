import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { Overview, Worker } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { StateTag } from '../../ui/StateTag.tsx'
import { TablePanel } from '../../ui/TablePanel.tsx'
import { WorkerMemory } from '../../ui/WorkerMemory.tsx'
import { whyNone } from '../machines/share.ts'
import css from './compute.module.css'
import { localCount, machineOf, workerLook } from './compute.ts'
import { ScaleWorkers } from './ScaleWorkers.tsx'

const column = createColumnHelper<Worker>()

/** Every worker: where it is, how it stands, what it has and what it does. */
export function WorkerTable({ compute }: { compute: Overview['compute'] }) {
  const { t } = useTranslation()
  const { data: me } = useQuery(meQuery)
  const columns = useColumns()
  const [isScaling, setScaling] = useState(false)
  const { workers, reachable, here } = compute
  return (
    <>
      <TablePanel
        id="workers"
        icon="worker"
        title={t('workers.title')}
        note={reachable ? undefined : t('compute.silent')}
        end={
          reachable && reaches(me?.user.role, 'operator') ? (
            <Button size="compact-sm" variant="default" onClick={() => setScaling(true)}>
              {t('compute.scale')}
            </Button>
          ) : undefined
        }
        rows={workers}
        columns={columns}
        rowId={({ address }) => address}
        none={
          reachable
            ? { title: t('workers.none'), hint: t(whyNone(here.why_none) ?? 'compute.workers.hint') }
            : { title: t('compute.silent.title'), hint: t('compute.silent.hint') }
        }
      />
      {isScaling ? <ScaleWorkers now={localCount(workers)} onClose={() => setScaling(false)} /> : null}
    </>
  )
}

function useColumns() {
  const { t } = useTranslation()
  const format = useFormat()
  return useMemo(
    () => [
      column.accessor('name', {
        header: t('column.name'),
        meta: { card: 'bare' },
        cell: ({ row }) => (
          <span className={css.named}>
            <strong>{row.original.name}</strong>
            <span className="mono">{row.original.address}</span>
          </span>
        ),
      }),
      column.accessor((worker) => workerLook(worker).word, {
        id: 'state',
        header: t('column.state'),
        meta: { card: 'state' },
        cell: ({ row }) => <StateTag look={workerLook(row.original)} />,
      }),
      column.accessor(({ name }) => machineOf(name) ?? '', {
        id: 'machine',
        header: t('compute.machine'),
        cell: ({ getValue }) => getValue() || t('compute.this_machine'),
      }),
      column.accessor('threads', { header: t('column.threads'), meta: { align: 'end' } }),
      column.accessor('cpu', {
        header: t('column.cpu'),
        meta: { align: 'end' },
        cell: ({ getValue }) => format.percent(getValue()),
      }),
      column.accessor('memory', {
        header: t('column.memory'),
        cell: ({ row }) => <WorkerMemory worker={row.original} />,
      }),
      column.accessor('executing', { header: t('column.executing'), meta: { align: 'end' } }),
      column.accessor('ready', { header: t('column.ready'), meta: { align: 'end' } }),
      column.accessor('in_memory', { header: t('column.in_memory'), meta: { align: 'end', minor: true } }),
    ],
    [t, format],
  )
}

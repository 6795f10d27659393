import { ActionIcon, Tooltip } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { Part } from '../../api/types.ts'
import { useDialogs } from '../../app/dialogs.tsx'
import { useFormat } from '../../i18n/useFormat.ts'
import { Icon } from '../../ui/icons.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import { PART } from '../../ui/states.ts'
import { TablePanel } from '../../ui/TablePanel.tsx'
import { Named } from './Named.tsx'

const column = createColumnHelper<Part>()

/** The processes of the cluster on this machine. */
export function PartsPanel({ parts }: { parts: readonly Part[] }) {
  const { t } = useTranslation()
  const { data: me } = useQuery(meQuery)
  const columns = useColumns(reaches(me?.user.role, 'operator'))
  return (
    <TablePanel
      id="parts"
      icon="parts"
      title={t('parts.title')}
      rows={parts}
      columns={columns}
      rowId={(part) => part.name}
      none={{ title: t('parts.none'), hint: t('parts.none.hint') }}
    />
  )
}

function useColumns(mayRestart: boolean) {
  const { t } = useTranslation()
  const format = useFormat()
  return useMemo(
    () => [
      column.accessor('name', {
        header: t('column.name'),
        meta: { card: 'bare' },
        cell: ({ row }) => <Named name={row.original.name} note={row.original.error} />,
      }),
      column.accessor('state', {
        header: t('column.state'),
        meta: { card: 'state' },
        cell: ({ row }) => <StateTag look={PART[row.original.state]} />,
      }),
      column.accessor('uptime_seconds', {
        header: t('column.uptime'),
        meta: { align: 'end' },
        cell: ({ row }) =>
          row.original.uptime_seconds > 0 ? format.duration(Math.floor(row.original.uptime_seconds)) : '–',
      }),
      column.accessor('restarts', { header: t('column.restarts'), meta: { align: 'end' } }),
      column.accessor('last_exit', {
        header: t('column.last_exit'),
        meta: { minor: true },
        cell: ({ row }) => row.original.last_exit || '–',
      }),
      column.accessor((part) => part.port ?? undefined, {
        id: 'port',
        header: t('column.port'),
        meta: { align: 'end' },
        sortUndefined: 'last',
        cell: ({ row }) => row.original.port ?? '–',
      }),
      ...(mayRestart
        ? [
            column.display({
              id: 'restart',
              header: t('column.actions'),
              meta: { align: 'end', card: 'bare' },
              cell: ({ row }) => <Restart part={row.original.name} />,
            }),
          ]
        : []),
    ],
    [t, format, mayRestart],
  )
}

function Restart({ part }: { part: string }) {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const label = t('restart.title', { part })
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={label}
        onClick={() => dialogs.open({ kind: 'restart', part })}
      >
        <Icon name="restart" />
      </ActionIcon>
    </Tooltip>
  )
}

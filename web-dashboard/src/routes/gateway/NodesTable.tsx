import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { Node } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { nodeColumn as column, useNodeColumns } from '../../ui/nodeColumns.tsx'
import { TablePanel } from '../../ui/TablePanel.tsx'
import { waitsQuery } from './gateway.ts'

const NO_WAITS: Readonly<Record<string, number>> = {}

/** What the gateway holds of each node: its breaker, what it does now, and how long calls stood in the line for it. */
export function NodesTable({ nodes, isFresh }: { nodes: readonly Node[]; isFresh: boolean }) {
  const { t } = useTranslation()
  const { data: me } = useQuery(meQuery)
  const mayRead = reaches(me?.user.role, 'operator')
  const { data: waits = NO_WAITS } = useQuery({ ...waitsQuery, enabled: mayRead })
  const columns = useColumns(isFresh, mayRead ? waits : null)
  return (
    <TablePanel
      id="gateway-nodes"
      icon="node"
      title={t('gateway.nodes')}
      note={isFresh ? undefined : t('nodes.old')}
      rows={nodes}
      columns={columns}
      rowId={(node) => node.name}
      none={{ title: isFresh ? t('nodes.none') : t('nodes.unknown'), hint: t('nodes.none.hint') }}
    />
  )
}

function useColumns(isFresh: boolean, waits: Readonly<Record<string, number>> | null) {
  const { t } = useTranslation()
  const format = useFormat()
  const shared = useNodeColumns(isFresh)
  return useMemo(
    () => [
      column.accessor('name', {
        header: t('column.name'),
        meta: { card: 'bare' },
        cell: ({ getValue }) => <strong>{getValue()}</strong>,
      }),
      shared.state,
      shared.breaker,
      shared.inflight,
      ...(waits
        ? [
            column.accessor((node) => waits[node.name] ?? undefined, {
              id: 'wait',
              header: t('gateway.wait'),
              meta: { align: 'end' },
              sortUndefined: 'last',
              cell: ({ row }) => format.duration(waits[row.original.name]),
            }),
          ]
        : []),
      shared.ttft,
      shared.served,
      column.accessor('failed', {
        header: t('gateway.failed'),
        meta: { align: 'end' },
        cell: ({ getValue }) => format.number(getValue(), 0),
      }),
      column.accessor('last_error', {
        header: t('gateway.last_error'),
        meta: { minor: true },
        cell: ({ getValue }) => (getValue() ? <span lang="en">{getValue()}</span> : '–'),
      }),
    ],
    [t, format, shared, waits],
  )
}

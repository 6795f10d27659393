import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Node } from '../api/types.ts'
import { useFormat } from '../i18n/useFormat.ts'
import { StateTag } from './StateTag.tsx'
import { BREAKER, NODE, nodeLook } from './states.ts'

export const nodeColumn = createColumnHelper<Node>()

/** Columns that every table of nodes may have. `isFresh`: the gateway answers; else nobody knows how they do. */
export function useNodeColumns(isFresh: boolean) {
  const { t } = useTranslation()
  const format = useFormat()
  return useMemo(
    () => ({
      state: nodeColumn.accessor('state', {
        header: t('column.state'),
        meta: { card: 'state' },
        cell: ({ row }) => <StateTag look={isFresh ? nodeLook(row.original) : NODE.unknown} />,
      }),
      breaker: nodeColumn.accessor('breaker', {
        header: t('column.breaker'),
        cell: ({ row }) => <StateTag look={BREAKER[row.original.breaker]} plain />,
      }),
      inflight: nodeColumn.accessor('inflight', { header: t('column.inflight'), meta: { align: 'end' } }),
      ttft: nodeColumn.accessor((node) => node.ttft_seconds ?? undefined, {
        id: 'ttft',
        header: t('column.ttft'),
        meta: { align: 'end', minor: true },
        sortUndefined: 'last',
        cell: ({ row }) => format.duration(row.original.ttft_seconds),
      }),
      served: nodeColumn.accessor('served', {
        header: t('column.served'),
        meta: { align: 'end', minor: true },
        cell: ({ getValue }) => format.number(getValue(), 0),
      }),
    }),
    [t, format, isFresh],
  )
}

import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Node } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { nodeColumn as column, useNodeColumns } from '../../ui/nodeColumns.tsx'
import { TablePanel } from '../../ui/TablePanel.tsx'
import { Named } from './Named.tsx'

const NOW_SECONDS = 2

/** Nodes that serve models. `isFresh`: the gateway answers; else this is the last that it said. */
export function NodesPanel({ nodes, isFresh }: { nodes: readonly Node[]; isFresh: boolean }) {
  const { t } = useTranslation()
  const columns = useColumns(isFresh)
  return (
    <TablePanel
      id="nodes"
      icon="node"
      title={t('nodes.title')}
      note={isFresh ? undefined : t('nodes.old')}
      rows={nodes}
      columns={columns}
      rowId={(node) => node.name}
      none={{ title: isFresh ? t('nodes.none') : t('nodes.unknown'), hint: t('nodes.none.hint') }}
    />
  )
}

function useColumns(isFresh: boolean) {
  const { t } = useTranslation()
  const format = useFormat()
  const shared = useNodeColumns(isFresh)
  return useMemo(
    () => [
      column.accessor('name', {
        header: t('column.name'),
        meta: { card: 'bare' },
        cell: ({ row }) => (
          <Named name={row.original.name} note={row.original.url.replace(/^https?:\/\/|\/$/g, '')} />
        ),
      }),
      shared.state,
      column.accessor((node) => node.models.length, {
        id: 'models',
        header: t('column.models'),
        meta: { align: 'end' },
        cell: ({ row }) => {
          const loaded = row.original.models.filter((model) => model.loaded).length
          return t('nodes.models', { count: row.original.models.length, loaded })
        },
      }),
      shared.inflight,
      shared.ttft,
      column.accessor((node) => node.tokens_per_second ?? undefined, {
        id: 'speed',
        header: t('column.speed'),
        meta: { align: 'end' },
        sortUndefined: 'last',
        cell: ({ row }) => format.number(row.original.tokens_per_second),
      }),
      shared.served,
      shared.breaker,
      column.accessor((node) => node.last_seen_seconds ?? undefined, {
        id: 'seen',
        header: t('column.seen'),
        meta: { align: 'end', minor: true },
        sortUndefined: 'last',
        cell: ({ row }) => <Seen age={row.original.last_seen_seconds} />,
      }),
    ],
    [t, format, shared],
  )
}

/** Age of the last good probe; they come every second, so anything younger than two is now. */
function Seen({ age }: { age: number | null | undefined }) {
  const { t } = useTranslation()
  const format = useFormat()
  if (age === null || age === undefined) return t('nodes.never')
  return age < NOW_SECONDS ? t('time.now') : t('time.ago', { age: format.duration(Math.round(age)) })
}

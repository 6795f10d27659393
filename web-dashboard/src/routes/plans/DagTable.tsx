import { Link } from '@tanstack/react-router'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Graph, GraphNode } from '../../api/types.ts'
import { DataTable } from '../../ui/DataTable.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { TICKET } from './plans.ts'

interface Row {
  node: GraphNode
  parents: readonly string[]
  isCritical: boolean
}

const column = createColumnHelper<Row>()
/** Names that are written out; a join of a thousand has more. */
const MOST = 8

/** The graph in words: each ticket with its level and what it depends on. */
export function DagTable({ graph }: { graph: Graph }) {
  const { t } = useTranslation()
  const rows = useMemo(() => rowsOf(graph), [graph])
  const columns = useMemo(
    () => [
      column.accessor((row) => row.node.level, {
        id: 'level',
        header: t('column.level'),
        cell: ({ row }) => row.original.node.level + 1,
      }),
      column.accessor((row) => row.node.id, {
        id: 'name',
        header: t('column.name'),
        meta: { card: 'bare' },
        cell: ({ row: { original } }) => (
          <Link to="/tickets/$ticketId" params={{ ticketId: original.node.ticket_id }} className={ui.link}>
            {original.node.id}
          </Link>
        ),
      }),
      column.accessor((row) => row.node.status, {
        id: 'state',
        header: t('column.state'),
        cell: ({ row }) => <StateTag look={TICKET[row.original.node.status]} />,
      }),
      column.accessor((row) => row.node.type, { id: 'kind', header: t('column.kind') }),
      column.accessor((row) => row.parents.length, {
        id: 'needs',
        header: t('dag.depends'),
        meta: { card: 'wide' },
        cell: ({ row: { original } }) => namesOf(original.parents) || '–',
      }),
      column.accessor((row) => row.isCritical, {
        id: 'critical',
        header: t('dag.critical'),
        cell: ({ row }) => (row.original.isCritical ? t('word.yes') : '–'),
      }),
    ],
    [t],
  )
  return (
    <DataTable label={t('dag.label')} rows={rows} columns={columns} rowId={(row) => row.node.ticket_id} />
  )
}

const namesOf = (names: readonly string[]) =>
  names.slice(0, MOST).join(', ') + (names.length > MOST ? ` … +${names.length - MOST}` : '')

function rowsOf(graph: Graph): Row[] {
  const critical = new Set(graph.critical_path)
  const parents = new Map<string, string[]>()
  for (const edge of graph.edges) {
    parents.set(edge.ticket, [...(parents.get(edge.ticket) ?? []), edge.depends_on])
  }
  return graph.nodes
    .map((node) => ({ node, parents: parents.get(node.id) ?? [], isCritical: critical.has(node.id) }))
    .sort((one, other) => one.node.level - other.node.level)
}

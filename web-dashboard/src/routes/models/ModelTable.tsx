import { createColumnHelper } from '@tanstack/react-table'
import { memo, useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../i18n/useFormat.ts'
import { DataTable } from '../../ui/DataTable.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { Abilities } from './Abilities.tsx'
import css from './models.module.css'
import { CELL, type CellState, type Row } from './models.ts'

const column = createColumnHelper<Row>()

interface Props {
  rows: readonly Row[]
  onOpen: (model: string) => void
}

/** Every model once: what it is, where it lies, and where it is in memory. */
export const ModelTable = memo(function ModelTable({ rows, onOpen }: Props) {
  const { t } = useTranslation()
  const columns = useColumns(onOpen)
  return <DataTable label={t('models.title')} rows={rows} columns={columns} rowId={(row) => row.name} />
})

function useColumns(onOpen: (model: string) => void) {
  const { t } = useTranslation()
  const format = useFormat()
  return useMemo(
    () => [
      column.accessor('name', {
        header: t('column.name'),
        meta: { card: 'wide' },
        cell: ({ getValue }) => <ModelName name={getValue()} onOpen={onOpen} />,
      }),
      column.accessor((row) => row.model?.size ?? 0, {
        id: 'size',
        header: t('column.size'),
        meta: { align: 'end' },
        cell: ({ row }) => (row.original.model?.size ? format.bytes(row.original.model.size) : '–'),
      }),
      column.accessor((row) => row.model?.parameter_size ?? '', {
        id: 'parameters',
        header: t('column.parameters'),
        meta: { minor: true },
        cell: ({ getValue }) => getValue() || '–',
      }),
      column.accessor((row) => row.model?.quantization ?? '', {
        id: 'quantization',
        header: t('column.quantization'),
        cell: ({ getValue }) => getValue() || '–',
      }),
      column.accessor((row) => (row.model?.capabilities ?? []).join(' '), {
        id: 'capabilities',
        header: t('models.abilities'),
        meta: { minor: true },
        cell: ({ row }) => <Abilities of={row.original.model?.capabilities ?? []} />,
      }),
      column.accessor((row) => row.model?.nodes.length ?? 0, {
        id: 'nodes',
        header: t('column.held'),
        meta: { card: 'wide' },
        cell: ({ row }) => <Places row={row.original} />,
      }),
    ],
    [t, format, onOpen],
  )
}

/** Leads to a model's particulars. */
export function ModelName({ name, onOpen }: { name: string; onOpen: (model: string) => void }) {
  return (
    <button type="button" className={ui.opens} onClick={() => onOpen(name)} aria-haspopup="dialog">
      {name}
    </button>
  )
}

const SHOWN = 3
/** What tells most comes first where not all can be named. */
const ORDER: readonly CellState[] = ['loaded', 'pulling', 'queued', 'paused', 'failed', 'disk']

/** The nodes that have it or get it. */
function Places({ row }: { row: Row }) {
  const { t } = useTranslation()
  const cells = Object.entries(row.cells).filter(([, cell]) => cell.state !== 'absent')
  if (cells.length === 0) return <span>{t('models.nowhere')}</span>
  const sorted = cells.sort(([, one], [, other]) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state))
  return (
    <ul className={css.places}>
      {sorted.slice(0, SHOWN).map(([node, cell]) => (
        <li key={node}>
          <span>{node}</span> <StateTag look={CELL[cell.state]} />
        </li>
      ))}
      {sorted.length > SHOWN ? <li>{t('models.more_nodes', { count: sorted.length - SHOWN })}</li> : null}
    </ul>
  )
}

import type { ColumnDef } from '@tanstack/react-table'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { DataTable } from './DataTable.tsx'
import type { IconName } from './icons.tsx'
import { Empty, Panel } from './Panel.tsx'

interface TablePanelProps<T> {
  /** Anchor that the palette jumps to. */
  id: string
  icon: IconName
  title: string
  rows: readonly T[]
  columns: ColumnDef<T, never>[]
  rowId: (row: T) => string
  /** Stands in place of a table without rows: that there are none, and what would change that. */
  none: { title: string; hint: string }
  /** Stands behind the title; how many rows there are when it is not given. */
  note?: string | undefined
  end?: ReactNode
  /** Stands below the table: the way to more rows, say. */
  foot?: ReactNode
}

/** A panel that holds one table. */
export function TablePanel<T>({ none, note, rows, columns, rowId, foot, ...panel }: TablePanelProps<T>) {
  const { t } = useTranslation()
  return (
    <Panel {...panel} note={note ?? t('count.of', { count: rows.length })} flush>
      {rows.length === 0 ? (
        <Empty title={none.title}>{none.hint}</Empty>
      ) : (
        <DataTable label={panel.title} rows={rows} columns={columns} rowId={rowId} />
      )}
      {foot}
    </Panel>
  )
}

import {
  type ColumnDef,
  flexRender,
  getCoreRowModel,
  getSortedRowModel,
  type Row,
  type RowData,
  type SortingState,
  useReactTable,
} from '@tanstack/react-table'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useRef, useState } from 'react'
import css from './DataTable.module.css'
import { Icon } from './icons.tsx'

/** From so many rows on, only those in sight are drawn. */
const LONG = 60
const ROW_HEIGHT = 41

declare module '@tanstack/react-table' {
  interface ColumnMeta<TData extends RowData, TValue> {
    /** `end` for figures. */
    align?: 'end'
    /** How the cell stands on a card: over the whole width without its name, as the card's state, or without a name. */
    card?: 'wide' | 'state' | 'bare'
    /** The column is left out first where room is short. */
    minor?: true
  }
}

interface DataTableProps<T> {
  /** What the table holds, for those who do not see its title. */
  label: string
  rows: readonly T[]
  columns: ColumnDef<T, never>[]
  rowId: (row: T) => string
}

/** A sortable table that turns into cards where it is narrow, and draws only what is in sight where it is long. */
export function DataTable<T>({ label, rows, columns, rowId }: DataTableProps<T>) {
  const [sorting, setSorting] = useState<SortingState>([])
  const scroll = useRef<HTMLDivElement>(null)
  const table = useReactTable<T>({
    data: rows as T[],
    columns: columns as ColumnDef<T>[],
    state: { sorting },
    onSortingChange: setSorting,
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: getSortedRowModel(),
    getRowId: rowId,
  })
  const sorted = table.getRowModel().rows
  const isLong = sorted.length > LONG
  const virtual = useVirtualizer({
    count: sorted.length,
    enabled: isLong,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
    initialRect: { width: 800, height: 520 },
    // Cards and wrapped lines are higher than one line.
    measureElement: (row) => row.getBoundingClientRect().height || ROW_HEIGHT,
  })
  const drawn = isLong ? virtual.getVirtualItems().map((item) => item.index) : sorted.map((_, index) => index)
  const before = isLong ? (virtual.getVirtualItems()[0]?.start ?? 0) : 0
  const after = isLong ? virtual.getTotalSize() - (virtual.getVirtualItems().at(-1)?.end ?? 0) : 0

  return (
    // A scrolled region must be reachable by keyboard.
    <div ref={scroll} className={`${css.scroll} ${isLong ? css.long : ''}`} tabIndex={isLong ? 0 : undefined}>
      {/* biome-ignore-start lint/a11y/noRedundantRoles: cards are drawn by `display`, which takes the roles away */}
      <table className={css.table} role="table" aria-label={label} aria-rowcount={sorted.length + 1}>
        <thead role="rowgroup">
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id} role="row">
              {group.headers.map((header) => (
                <th
                  key={header.id}
                  role="columnheader"
                  scope="col"
                  className={classOf(header.column.columnDef.meta)}
                  aria-sort={ariaSort(header.column.getIsSorted())}
                >
                  <HeadCell
                    text={String(header.column.columnDef.header ?? '')}
                    sorted={header.column.getIsSorted()}
                    onSort={header.column.getCanSort() ? header.column.getToggleSortingHandler() : undefined}
                  />
                </th>
              ))}
            </tr>
          ))}
        </thead>
        <tbody role="rowgroup">
          <Spacer height={before} />
          {drawn.map((index) => {
            const row = sorted[index]
            return row ? (
              <BodyRow
                key={row.id}
                row={row}
                index={index}
                measure={isLong ? virtual.measureElement : undefined}
              />
            ) : null
          })}
          <Spacer height={after} />
        </tbody>
      </table>
      {/* biome-ignore-end lint/a11y/noRedundantRoles: see above */}
    </div>
  )
}

function classOf(meta: { align?: 'end'; minor?: true } | undefined): string {
  return `${meta?.align ? css.end : ''} ${meta?.minor ? css.minor : ''}`
}

type Sorted = false | 'asc' | 'desc'

function ariaSort(sorted: Sorted) {
  if (!sorted) return undefined
  return sorted === 'asc' ? 'ascending' : 'descending'
}

interface HeadCellProps {
  text: string
  sorted: Sorted
  onSort: ((event: unknown) => void) | undefined
}

function HeadCell({ text, sorted, onSort }: HeadCellProps) {
  if (!onSort) return <span className={css.plainHead}>{text}</span>
  return (
    <button type="button" className={css.sort} data-sorted={sorted || undefined} onClick={onSort}>
      {text}
      <Icon name={sorted === 'desc' ? 'down' : 'up'} size={12} />
    </button>
  )
}

interface BodyRowProps<T> {
  row: Row<T>
  index: number
  /** Told how high the row is, where heights count. */
  measure: ((row: HTMLTableRowElement | null) => void) | undefined
}

function BodyRow<T>({ row, index, measure }: BodyRowProps<T>) {
  return (
    // biome-ignore lint/a11y/noRedundantRoles: cards are drawn by `display`, which takes the roles away
    <tr ref={measure} data-index={index} role="row" aria-rowindex={index + 2}>
      {row.getVisibleCells().map((cell) => {
        const { meta } = cell.column.columnDef
        return (
          // biome-ignore lint/a11y/noRedundantRoles: as above
          <td key={cell.id} role="cell" className={`${classOf(meta)} ${meta?.card ? css[meta.card] : ''}`}>
            <span className={css.label} aria-hidden="true">
              {String(cell.column.columnDef.header ?? '')}
            </span>
            {flexRender(cell.column.columnDef.cell, cell.getContext())}
          </td>
        )
      })}
    </tr>
  )
}

function Spacer({ height }: { height: number }) {
  if (height <= 0) return null
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: it holds room for rows that are not drawn, and nothing else
    <tr className={css.spacer} aria-hidden="true">
      <td style={{ height }} />
    </tr>
  )
}

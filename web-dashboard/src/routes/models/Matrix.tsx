import { createColumnHelper } from '@tanstack/react-table'
import { type KeyboardEvent, memo, useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { DataTable } from '../../ui/DataTable.tsx'
import { NODE } from '../../ui/states.ts'
import { CellMenu } from './CellMenu.tsx'
import { ModelName } from './ModelTable.tsx'
import css from './models.module.css'
import type { CellState, Holder, Row } from './models.ts'

const column = createColumnHelper<Row>()
/** What is there first, what is not last. */
const RANK: Record<CellState, number> = {
  loaded: 0,
  disk: 1,
  pulling: 2,
  queued: 3,
  paused: 4,
  failed: 5,
  absent: 6,
}

interface Props {
  rows: readonly Row[]
  nodes: readonly Holder[]
  onOpen: (model: string) => void
}

/** Models against machines. Arrow keys go from cell to cell. */
export const Matrix = memo(function Matrix({ rows, nodes, onOpen }: Props) {
  const { t } = useTranslation()
  const columns = useMemo(
    () => [
      column.accessor('name', {
        header: t('column.name'),
        meta: { card: 'wide' },
        cell: ({ getValue }) => <ModelName name={getValue()} onOpen={onOpen} />,
      }),
      ...nodes.map((node) =>
        column.accessor((row) => RANK[row.cells[node.name]?.state ?? 'absent'], {
          id: `at ${node.name}`,
          header: node.state === 'healthy' ? node.name : `${node.name} (${t(NODE[node.state].word)})`,
          cell: ({ row }) => {
            const cell = row.original.cells[node.name]
            return cell ? (
              <CellMenu model={row.original.name} node={node.name} cell={cell} onOpen={onOpen} />
            ) : null
          },
        }),
      ),
    ],
    [t, nodes, onOpen],
  )
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the cells inside are buttons; this adds arrow keys to Tab
    <div className={css.matrix} onKeyDown={moveFocus}>
      <DataTable label={t('models.matrix')} rows={rows} columns={columns} rowId={(row) => row.name} />
    </div>
  )
})

function moveFocus(event: KeyboardEvent<HTMLElement>) {
  const from = (event.target as HTMLElement).closest<HTMLElement>('[data-cell]')
  // An open menu has its own arrow keys.
  if (!from || from.getAttribute('aria-expanded') === 'true') return
  const to = neighbour(from, event.key)
  if (!to) return
  event.preventDefault()
  event.stopPropagation()
  to.focus()
}

function neighbour(from: HTMLElement, key: string): HTMLElement | undefined {
  const row = from.closest('tr')
  const cells = (of: Element | null | undefined) => [
    ...(of?.querySelectorAll<HTMLElement>('[data-cell]') ?? []),
  ]
  const index = cells(row).indexOf(from)
  switch (key) {
    case 'ArrowRight':
      return cells(row)[index + 1]
    case 'ArrowLeft':
      return cells(row)[index - 1]
    case 'ArrowDown':
      return cells(row?.nextElementSibling)[index]
    case 'ArrowUp':
      return cells(row?.previousElementSibling)[index]
    default:
      return undefined
  }
}

import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Model } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { TablePanel } from '../../ui/TablePanel.tsx'
import { Named } from './Named.tsx'
import css from './overview.module.css'

const column = createColumnHelper<Model>()

export function ModelsPanel({ models }: { models: readonly Model[] }) {
  const { t } = useTranslation()
  const columns = useColumns()
  return (
    <TablePanel
      id="models"
      icon="model"
      title={t('models.title')}
      rows={models}
      columns={columns}
      rowId={(model) => model.name}
      none={{ title: t('models.none'), hint: t('models.none.hint') }}
    />
  )
}

function useColumns() {
  const { t } = useTranslation()
  const format = useFormat()
  return useMemo(
    () => [
      column.accessor('name', {
        header: t('column.name'),
        meta: { card: 'wide' },
        cell: ({ row }) => <Named name={row.original.name} note={row.original.capabilities.join(', ')} />,
      }),
      column.accessor('size', {
        header: t('column.size'),
        meta: { align: 'end' },
        cell: ({ row }) => format.bytes(row.original.size),
      }),
      column.accessor('parameter_size', {
        header: t('column.parameters'),
        cell: ({ row }) => row.original.parameter_size || '–',
      }),
      column.accessor('quantization', {
        header: t('column.quantization'),
        cell: ({ row }) => row.original.quantization || '–',
      }),
      column.accessor((model) => model.nodes.length, {
        id: 'nodes',
        header: t('column.held'),
        cell: ({ row }) => <Holders model={row.original} />,
      }),
    ],
    [t, format],
  )
}

/** The nodes that have a model; those that hold it in memory are marked. */
function Holders({ model }: { model: Model }) {
  const { t } = useTranslation()
  const loaded = new Set(model.loaded_on)
  return (
    <ul className={css.holders}>
      {model.nodes.map((node) => (
        <li key={node} data-tone={loaded.has(node) ? 'ok' : 'idle'}>
          {node}
          {loaded.has(node) ? <span> · {t('models.loaded')}</span> : null}
        </li>
      ))}
    </ul>
  )
}

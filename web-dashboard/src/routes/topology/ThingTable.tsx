import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { DataTable } from '../../ui/DataTable.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import { KINDS, type Thing } from './things.ts'
import css from './topology.module.css'
import { useThingWords } from './words.ts'

const column = createColumnHelper<Thing>()

/** What the drawing shows, as a table. */
export function ThingTable({ things }: { things: readonly Thing[] }) {
  const { t } = useTranslation()
  const words = useThingWords()
  const byKey = useMemo(() => new Map(things.map((thing) => [thing.key, thing])), [things])
  const named = (key: string | null) => {
    const thing = key === null ? undefined : byKey.get(key)
    return thing ? words.name(thing) : '–'
  }
  const columns = [
    column.accessor(words.name, { id: 'name', header: t('column.name'), meta: { card: 'bare' } }),
    column.accessor((thing) => t(KINDS[thing.kind].word), { id: 'kind', header: t('column.kind') }),
    column.accessor((thing) => t(thing.look.word), {
      id: 'state',
      header: t('column.state'),
      meta: { card: 'state' },
      cell: ({ row }) => <StateTag look={row.original.look} />,
    }),
    column.accessor(words.traffic, { id: 'traffic', header: t('topology.traffic') }),
    column.accessor((thing) => named(thing.parent), { id: 'parent', header: t('topology.below') }),
    column.accessor((thing) => named(thing.on), {
      id: 'on',
      header: t('topology.on'),
      meta: { minor: true },
    }),
    column.accessor((thing) => thing.address || '–', {
      id: 'address',
      header: t('topology.address'),
      meta: { minor: true },
    }),
  ]
  return (
    <div className={css.table}>
      <DataTable label={t('topology.title')} rows={things} columns={columns} rowId={(thing) => thing.key} />
    </div>
  )
}

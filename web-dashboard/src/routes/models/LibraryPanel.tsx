import { Button, Checkbox, NativeSelect, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { CatalogEntry, CatalogTag } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Asked } from '../../ui/Asked.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { Abilities } from './Abilities.tsx'
import { useActs } from './acts.tsx'
import { ModelName } from './ModelTable.tsx'
import { ABILITY, libraryQuery } from './models.ts'

const TYPING_MS = 250
const ABILITIES = ['chat', 'tools', 'vision', 'thinking', 'embedding', 'code'] as const

interface Size {
  entry: CatalogEntry
  tag: CatalogTag
}

/** Well-known open models, found by words and by what they can do. */
export default function LibraryPanel({ onOpen }: { onOpen: (model: string) => void }) {
  const { t, i18n } = useTranslation()
  const [typed, setWords] = useState('')
  const [words] = useDebouncedValue(typed.trim(), TYPING_MS)
  const [category, setCategory] = useState('')
  const [capability, setCapability] = useState('')
  const [fits, setFits] = useState(false)
  const lang = i18n.language === 'pt-BR' ? 'pt-BR' : 'en'
  const found = useQuery(libraryQuery({ words, category, capability, fits, lang }))
  const categories = Object.entries(found.data?.categories ?? {})
  return (
    <Panel id="library" icon="search" title={t('models.library')} note={t('models.library.note')} flush>
      <div className={`${ui.filters} ${ui.pad}`}>
        <TextInput
          label={t('models.search')}
          type="search"
          value={typed}
          onChange={(event) => setWords(event.currentTarget.value)}
          maxLength={200}
          autoComplete="off"
        />
        <NativeSelect
          label={t('models.category')}
          value={category}
          onChange={(event) => setCategory(event.currentTarget.value)}
          data={[
            { value: '', label: t('filter.all') },
            ...categories.map(([value, label]) => ({ value, label })),
          ]}
        />
        <NativeSelect
          label={t('models.abilities')}
          value={capability}
          onChange={(event) => setCapability(event.currentTarget.value)}
          data={[
            { value: '', label: t('filter.all') },
            ...ABILITIES.map((value) => ({ value, label: t(ABILITY[value]) })),
          ]}
        />
        <Checkbox
          label={t('models.library.fits')}
          checked={fits}
          onChange={(event) => setFits(event.currentTarget.checked)}
          pb={8}
        />
      </div>
      <Asked query={found}>
        {(answer) => {
          const sizes = answer.items.flatMap((entry) => entry.tags.map((tag) => ({ entry, tag })))
          return (
            <>
              {answer.problems.map((problem) => (
                <p key={JSON.stringify(problem)} className={`${ui.note} ${ui.pad}`} lang="en">
                  {Object.values(problem).join(' · ')}
                </p>
              ))}
              {sizes.length === 0 ? (
                <Empty title={t('models.library.none')}>{t('models.library.none.hint')}</Empty>
              ) : (
                <Sizes sizes={sizes} withFit={fits} onOpen={onOpen} />
              )}
            </>
          )
        }}
      </Asked>
    </Panel>
  )
}

const column = createColumnHelper<Size>()

interface SizesProps {
  sizes: readonly Size[]
  withFit: boolean
  onOpen: (model: string) => void
}

function Sizes({ sizes, withFit, onOpen }: SizesProps) {
  const { t } = useTranslation()
  const format = useFormat()
  const { may, ask } = useActs()
  const columns = useMemo(
    () => [
      column.accessor((row) => row.tag.name, {
        id: 'name',
        header: t('column.name'),
        meta: { card: 'wide' },
        cell: ({ row: { original } }) => (
          <span title={original.entry.about}>
            <ModelName name={original.tag.name} onOpen={onOpen} />
          </span>
        ),
      }),
      column.accessor((row) => row.entry.by, { id: 'by', header: t('models.maker'), meta: { minor: true } }),
      column.accessor((row) => row.tag.size, {
        id: 'size',
        header: t('column.size'),
        meta: { align: 'end' },
        cell: ({ getValue }) => format.bytes(getValue()),
      }),
      column.accessor((row) => row.tag.memory, {
        id: 'memory',
        header: t('column.memory'),
        meta: { align: 'end' },
        cell: ({ getValue }) => t('models.about', { bytes: format.bytes(getValue()) }),
      }),
      column.accessor((row) => row.tag.parameters, { id: 'parameters', header: t('column.parameters') }),
      column.accessor((row) => row.tag.quantization, {
        id: 'quantization',
        header: t('column.quantization'),
        meta: { minor: true },
      }),
      column.accessor((row) => row.entry.capabilities.join(' '), {
        id: 'capabilities',
        header: t('models.abilities'),
        meta: { minor: true },
        cell: ({ row }) => <Abilities of={row.original.entry.capabilities} />,
      }),
      ...(withFit
        ? [
            column.accessor((row) => row.tag.fits.join(', '), {
              id: 'fits',
              header: t('models.library.fits_at'),
            }),
          ]
        : []),
      column.accessor((row) => row.tag.nodes.join(', '), {
        id: 'nodes',
        header: t('column.held'),
        cell: ({ getValue }) => getValue() || '–',
      }),
      ...(may
        ? [
            column.display({
              id: 'actions',
              header: t('column.actions'),
              meta: { align: 'end' },
              cell: ({ row: { original } }) => (
                <Button
                  size="compact-sm"
                  variant="default"
                  onClick={() => ask({ kind: 'pull', model: original.tag.name, nodes: [] })}
                  aria-label={t('models.pull.of', { model: original.tag.name })}
                >
                  {t('models.pull.do')}
                </Button>
              ),
            }),
          ]
        : []),
    ],
    [t, format, may, ask, withFit, onOpen],
  )
  return (
    <DataTable label={t('models.library')} rows={sizes} columns={columns} rowId={(row) => row.tag.name} />
  )
}

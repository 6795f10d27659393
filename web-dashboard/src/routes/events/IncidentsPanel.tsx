import { NativeSelect } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Incident } from '../../api/types.ts'
import { INCIDENT_KINDS } from '../../app/searches.ts'
import { When } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { More } from '../../ui/More.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import type { Look } from '../../ui/states.ts'
import ui from '../../ui/ui.module.css'
import css from './events.module.css'
import { INCIDENTS, type IncidentKind, incidentPagesQuery } from './events.ts'
import { useEventSearch } from './search.ts'

const OPEN: Look = { tone: 'bad', icon: 'warning', word: 'incidents.open' }
const OVER: Look = { tone: 'idle', icon: 'check', word: 'incidents.closed' }
const column = createColumnHelper<Incident>()

/** What is and was wrong with how work gets done. */
export function IncidentsPanel() {
  const { t } = useTranslation()
  const { search, show } = useEventSearch()
  const pages = useInfiniteQuery(incidentPagesQuery(search.incident, search.open === 'open'))
  const all = pages.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Panel id="incidents" icon="warning" title={t('incidents.title')} flush>
      <div className={css.filters}>
        <NativeSelect
          size="xs"
          label={t('log.kind')}
          value={search.incident ?? ''}
          onChange={(event) => show({ incident: (event.currentTarget.value || undefined) as IncidentKind })}
          data={[
            { value: '', label: t('filter.all') },
            ...INCIDENT_KINDS.map((kind) => ({ value: kind, label: t(INCIDENTS[kind]) })),
          ]}
        />
        <NativeSelect
          size="xs"
          label={t('column.state')}
          value={search.open ?? ''}
          onChange={(event) => show({ open: event.currentTarget.value === 'open' ? 'open' : undefined })}
          data={[
            { value: '', label: t('filter.all') },
            { value: 'open', label: t('incidents.only_open') },
          ]}
        />
      </div>
      <div className={all.length > 0 ? '' : ui.pad}>
        <Asked query={pages}>
          {() =>
            all.length === 0 ? (
              <div className={ui.outdent}>
                <Empty title={t('incidents.none')}>{t('incidents.none.hint')}</Empty>
              </div>
            ) : (
              <Incidents incidents={all} />
            )
          }
        </Asked>
      </div>
      <More pages={pages} />
    </Panel>
  )
}

function Incidents({ incidents }: { incidents: readonly Incident[] }) {
  const { t } = useTranslation()
  const columns = useMemo(
    () => [
      column.accessor('kind', {
        header: t('log.kind'),
        meta: { card: 'bare' },
        cell: ({ getValue }) => {
          const word = INCIDENTS[getValue() as IncidentKind]
          return word ? t(word) : getValue()
        },
      }),
      column.accessor((one) => one.closed_at ?? 0, {
        id: 'state',
        header: t('column.state'),
        meta: { card: 'state' },
        cell: ({ row }) => <StateTag look={row.original.closed_at == null ? OPEN : OVER} />,
      }),
      column.accessor('subject', { header: t('log.subject') }),
      column.accessor('detail', {
        header: t('incidents.detail'),
        cell: ({ getValue }) => <span lang="en">{getValue()}</span>,
      }),
      column.accessor('count', { header: t('incidents.seen'), meta: { align: 'end', minor: true } }),
      column.accessor('repair', {
        header: t('incidents.repair'),
        meta: { minor: true },
        cell: ({ getValue }) => <span lang="en">{getValue() || '–'}</span>,
      }),
      column.accessor('opened_at', {
        header: t('incidents.opened'),
        cell: ({ getValue }) => <When at={getValue()} />,
      }),
    ],
    [t],
  )
  return (
    <DataTable
      label={t('incidents.title')}
      rows={incidents}
      columns={columns}
      rowId={(one) => one.incident_id}
    />
  )
}

import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Decision } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Asked } from '../../ui/Asked.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { decisionsQuery } from './gateway.ts'

/** `place`: from the newest. Callers may give two calls one id. */
type Placed = Decision & { place: number }

/** Shown before somebody asks for the rest. */
const FIRST = 10

const column = createColumnHelper<Placed>()

/** Where the last calls went and why, the newest first. */
export function DecisionsPanel({ onOpen }: { onOpen: (requestId: string) => void }) {
  const { t } = useTranslation()
  const decisions = useQuery(decisionsQuery)
  return (
    <Panel
      id="decisions"
      icon="target"
      title={t('gateway.decisions')}
      note={t('gateway.decisions.note')}
      flush
    >
      <Asked query={decisions}>
        {(all) =>
          all.length === 0 ? (
            <Empty title={t('gateway.decisions.none')}>{t('gateway.decisions.none.hint')}</Empty>
          ) : (
            <Decisions decisions={all} onOpen={onOpen} />
          )
        }
      </Asked>
    </Panel>
  )
}

interface Props {
  decisions: readonly Decision[]
  onOpen: (requestId: string) => void
}

function Decisions({ decisions, onOpen }: Props) {
  const { t } = useTranslation()
  const format = useFormat()
  const columns = useMemo(
    () => [
      column.accessor('model', {
        header: t('gateway.model'),
        meta: { card: 'wide' },
        cell: ({ row: { original } }) => (
          <button
            type="button"
            className={ui.opens}
            aria-haspopup="dialog"
            aria-label={t('gateway.why.of', { model: original.model })}
            onClick={() => onOpen(original.request_id)}
          >
            {original.model}
          </button>
        ),
      }),
      column.accessor('node', {
        header: t('gateway.node'),
        cell: ({ getValue }) => getValue() || t('gateway.nobody'),
      }),
      column.accessor((one) => reasonOf(one), {
        id: 'why',
        header: t('column.why'),
        meta: { card: 'wide' },
        cell: ({ getValue }) => <span lang="en">{getValue() || '–'}</span>,
      }),
      column.accessor((one) => one.candidates.length, {
        id: 'candidates',
        header: t('gateway.candidates'),
        meta: { align: 'end', minor: true },
      }),
      column.accessor('age_seconds', {
        header: t('column.age'),
        meta: { align: 'end' },
        cell: ({ getValue }) => t('time.ago', { age: format.duration(Math.round(getValue())) }),
      }),
    ],
    [t, format, onOpen],
  )
  const [all, setAll] = useState(false)
  const rows = useMemo(
    () => decisions.map((one, place) => ({ ...one, place })).slice(0, all ? undefined : FIRST),
    [decisions, all],
  )
  const left = decisions.length - rows.length
  return (
    <>
      <DataTable
        label={t('gateway.decisions')}
        rows={rows}
        columns={columns}
        rowId={(one) => String(one.place)}
      />
      {left > 0 ? (
        <div className={ui.more}>
          <Button size="compact-sm" variant="default" onClick={() => setAll(true)}>
            {t('gateway.decisions.all', { count: left })}
          </Button>
        </div>
      ) : null}
    </>
  )
}

/** Why that node; where none answered, what each of them said. Pure. */
export function reasonOf(decision: Decision): string {
  const chosen = decision.candidates.find((one) => one.name === decision.node)
  if (chosen) return chosen.why
  return Object.entries(decision.tried)
    .map(([node, reason]) => `${node}: ${reason}`)
    .join('; ')
}

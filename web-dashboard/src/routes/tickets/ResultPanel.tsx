import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Ticket } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { DataTable } from '../../ui/DataTable.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import css from './tickets.module.css'
import { type Artefact, artefactsOf, pretty, resultQuery } from './tickets.ts'

/** More text than this is not put onto the page; the file has it. */
const SHOWN = 100_000

/** What the ticket gave, and the files that it left. */
export function ResultPanel({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation()
  const format = useFormat()
  const large = useQuery(resultQuery(ticket.ticket_id))
  const value = ticket.result ?? large.data?.value
  const hasResult = ticket.result_bytes > 0 || (ticket.result !== null && ticket.result !== undefined)
  const artefacts = artefactsOf(ticket)
  if (!hasResult && artefacts.length === 0) return null
  return (
    <Panel
      id="result"
      icon="check"
      title={t('result.title')}
      note={ticket.result_bytes > 0 ? format.bytes(ticket.result_bytes) : undefined}
      end={
        hasResult ? (
          <Button
            component="a"
            href={`/api/v1/tickets/${ticket.ticket_id}/result`}
            download={`${ticket.task_id}.json`}
            size="compact-sm"
            variant="default"
            leftSection={<Icon name="download" size={14} />}
          >
            {t('result.download')}
          </Button>
        ) : null
      }
    >
      {hasResult ? <Value value={value} isThere={value !== undefined && value !== null} ask={large} /> : null}
      {ticket.result_sha256 ? (
        <p className={css.seal}>
          SHA-256 <span className="mono">{ticket.result_sha256}</span>
        </p>
      ) : null}
      {artefacts.length > 0 ? <Artefacts artefacts={artefacts} /> : null}
    </Panel>
  )
}

interface ValueProps {
  value: unknown
  isThere: boolean
  ask: { refetch: () => unknown; isFetching: boolean; error: unknown }
}

function Value({ value, isThere, ask }: ValueProps) {
  const { t } = useTranslation()
  if (!isThere) {
    return (
      <div className={ui.asked}>
        {ask.error ? <Failure error={ask.error} /> : null}
        <Button
          variant="default"
          size="compact-sm"
          loading={ask.isFetching}
          onClick={() => void ask.refetch()}
        >
          {t('result.show')}
        </Button>
      </div>
    )
  }
  const text = pretty(value)
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard */}
      <pre className={ui.json} tabIndex={0}>
        {text.slice(0, SHOWN)}
      </pre>
      {text.length > SHOWN ? <p className={ui.note}>{t('result.cut')}</p> : null}
    </>
  )
}

const column = createColumnHelper<Artefact>()

function Artefacts({ artefacts }: { artefacts: readonly Artefact[] }) {
  const { t } = useTranslation()
  const format = useFormat()
  const columns = useMemo(
    () => [
      column.accessor('name', { header: t('column.name'), meta: { card: 'bare' } }),
      column.accessor('bytes', {
        header: t('column.size'),
        meta: { align: 'end' },
        cell: ({ row }) => format.bytes(row.original.bytes),
      }),
      column.accessor('sha256', {
        header: 'SHA-256',
        meta: { card: 'wide' },
        cell: ({ row }) => (
          <span className="mono" title={row.original.sha256}>
            {row.original.sha256.slice(0, 16)}
          </span>
        ),
      }),
    ],
    [t, format],
  )
  return (
    <div className={css.artefacts}>
      <h3>{t('result.files')}</h3>
      <p className={ui.note}>{t('result.files.where')}</p>
      <DataTable
        label={t('result.files')}
        rows={artefacts}
        columns={columns}
        rowId={(one) => one.path || one.name}
      />
    </div>
  )
}

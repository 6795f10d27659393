import { Button, TextInput } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { type FormEvent, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { AuditEntry } from '../../api/types.ts'
import { useTitle } from '../../app/useTitle.ts'
import { When } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { More } from '../../ui/More.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import css from './audit.module.css'
import { type AuditAsked, auditQuery, NOTHING_ASKED } from './audit.ts'

/** Who did what, narrowed as one likes, and whether the chain of entries is whole. */
export function AuditPage() {
  const { t } = useTranslation()
  useTitle(t('nav.audit'))
  const [asked, setAsked] = useState<AuditAsked>(NOTHING_ASKED)
  const pages = useInfiniteQuery(auditQuery(asked))
  const all = pages.data?.pages.flatMap((page) => page.items) ?? []
  const broken = pages.data?.pages.find((page) => page.broken)?.broken
  return (
    <>
      <PageHead title={t('nav.audit')} note={t('audit.text')}>
        <a className={ui.link} href="/api/v1/audit/export" download="audit.ndjson">
          {t('audit.export')}
        </a>
      </PageHead>
      <div className={ui.stack}>
        {broken ? (
          <div className={ui.banner} data-tone="warn" role="alert">
            <p>
              {t('audit.broken')} <span lang="en">{broken}</span>
            </p>
          </div>
        ) : null}
        <Panel id="audit" icon="lines" title={t('audit.title')} flush>
          <div className={ui.pad}>
            <Filters onAsk={setAsked} />
          </div>
          <div className={all.length > 0 ? '' : ui.pad}>
            <Asked query={pages}>
              {() => (all.length === 0 ? <Empty title={t('audit.none')} /> : <Entries entries={all} />)}
            </Asked>
          </div>
          <More pages={pages} />
        </Panel>
      </div>
    </>
  )
}

function Filters({ onAsk }: { onAsk: (asked: AuditAsked) => void }) {
  const { t } = useTranslation()
  const [typed, setTyped] = useState<AuditAsked>(NOTHING_ASKED)
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    onAsk(typed)
  }
  const field = (name: keyof AuditAsked, label: string, type = 'text') => (
    <TextInput
      size="xs"
      label={label}
      type={type}
      value={typed[name]}
      onChange={(event) => setTyped({ ...typed, [name]: event.currentTarget.value })}
      maxLength={256}
      autoComplete="off"
      spellCheck={false}
    />
  )
  return (
    <form className={css.filters} onSubmit={onSubmit}>
      {field('actor', t('audit.actor'))}
      {field('action', t('audit.action'))}
      {field('subject', t('audit.subject'))}
      {field('since', t('audit.since'), 'datetime-local')}
      {field('until', t('audit.until'), 'datetime-local')}
      <Button type="submit" size="xs">
        {t('audit.ask')}
      </Button>
    </form>
  )
}

const column = createColumnHelper<AuditEntry>()

function Entries({ entries }: { entries: readonly AuditEntry[] }) {
  const { t } = useTranslation()
  const columns = useMemo(
    () => [
      column.accessor('number', { header: t('audit.number'), meta: { align: 'end', minor: true } }),
      column.accessor('at', { header: t('audit.at'), cell: ({ getValue }) => <When at={getValue()} /> }),
      column.accessor('actor', { header: t('audit.actor'), meta: { card: 'bare' } }),
      column.accessor('action', { header: t('audit.action') }),
      column.accessor('subject', { header: t('audit.subject') }),
      column.accessor('outcome', { header: t('audit.outcome') }),
      column.accessor('address', { header: t('audit.address'), meta: { minor: true } }),
    ],
    [t],
  )
  return (
    <DataTable
      label={t('audit.title')}
      rows={entries}
      columns={columns}
      rowId={(row) => String(row.number)}
    />
  )
}

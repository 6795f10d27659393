import { useQuery } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { Job } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Ago, useNow } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { Command } from '../../ui/Command.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import css from './compute.module.css'
import { JOB, jobsQuery } from './compute.ts'

const column = createColumnHelper<Job>()

/** Scripts that were handed in. Who may not see them is told so. */
export function JobsPanel({ onOpen }: { onOpen: (id: string) => void }) {
  const { t } = useTranslation()
  const { data: me } = useQuery(meQuery)
  const maySee = reaches(me?.user.role, 'operator')
  const jobs = useQuery({ ...jobsQuery, enabled: maySee })
  if (!maySee) {
    return (
      <Panel id="jobs" icon="tasks" title={t('jobs.title')} flush>
        <Empty title={t('jobs.not')} />
      </Panel>
    )
  }
  const count = jobs.data?.length ?? 0
  return (
    <Panel
      id="jobs"
      icon="tasks"
      title={t('jobs.title')}
      note={jobs.data ? t('count.of', { count }) : undefined}
      flush
    >
      <div className={count > 0 ? '' : ui.pad}>
        <Asked query={jobs}>
          {(all) => (all.length === 0 ? <None /> : <JobTable jobs={all} onOpen={onOpen} />)}
        </Asked>
      </div>
    </Panel>
  )
}

function None() {
  const { t } = useTranslation()
  return (
    <div className={css.text}>
      <p>
        <strong>{t('jobs.none')}</strong> {t('jobs.none.hint')}
      </p>
    </div>
  )
}

function JobTable({ jobs, onOpen }: { jobs: readonly Job[]; onOpen: (id: string) => void }) {
  const { t } = useTranslation()
  const columns = useMemo(
    () => [
      column.accessor('name', {
        header: t('column.name'),
        meta: { card: 'bare' },
        cell: ({ row: { original: job } }) => (
          <button type="button" className={ui.opens} onClick={() => onOpen(job.id)}>
            {job.function ? `${job.name}: ${job.function}()` : job.name}
          </button>
        ),
      }),
      column.accessor('state', {
        header: t('column.state'),
        meta: { card: 'state' },
        cell: ({ getValue }) => <StateTag look={JOB[getValue()]} />,
      }),
      column.accessor('worker', {
        header: t('column.worker'),
        cell: ({ getValue }) => getValue() || '–',
      }),
      column.accessor('submitted_at', {
        header: t('jobs.submitted'),
        cell: ({ getValue }) => <Ago at={getValue()} />,
      }),
      column.display({
        id: 'took',
        header: t('column.took'),
        meta: { align: 'end' },
        cell: ({ row }) => <Took job={row.original} />,
      }),
      column.accessor('error', {
        header: t('column.why'),
        meta: { card: 'wide' },
        cell: ({ getValue }) => (
          <span lang="en" className={css.why}>
            {getValue()}
          </span>
        ),
      }),
    ],
    [t, onOpen],
  )
  const shown = jobs.some(({ error }) => error) ? columns : columns.slice(0, -1)
  return <DataTable label={t('jobs.title')} rows={jobs} columns={shown} rowId={({ id }) => id} />
}

/** From its begin to its end, or until now. */
export function Took({ job }: { job: Pick<Job, 'started_at' | 'ended_at'> }) {
  const format = useFormat()
  const now = useNow()
  if (job.started_at === 0) return '–'
  return format.duration(Math.max(0, (job.ended_at || now) - job.started_at))
}

/** The lines that put work onto the workers. `scheduler`: its address. */
export function UsePanel({ scheduler }: { scheduler: string }) {
  const { t } = useTranslation()
  return (
    <Panel id="use" icon="send" title={t('compute.use')}>
      <ul className={ui.lines}>
        <li>
          <p>{t('compute.use.words')}</p>
          <Command value="cluster-ai run-example words examples/texts" />
        </li>
        <li>
          <p>{t('compute.use.submit')}</p>
          <Command value="cluster-ai compute submit train.py --resource GPU=1" />
        </li>
        <li>
          <p>{t('compute.use.map')}</p>
          <Command value='cluster-ai map --input questions.txt --output answers.jsonl --prompt "In one word: {line}" --model MODEL' />
        </li>
        <li>
          <p>{t('compute.use.python')}</p>
          <Command value={`from distributed import Client; Client("${scheduler}")`} />
        </li>
      </ul>
    </Panel>
  )
}

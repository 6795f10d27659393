import { Button, Drawer } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type UIEvent, useLayoutEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { JobDetail } from '../../api/types.ts'
import { AskFrame } from '../../app/AskFrame.tsx'
import { When } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { CopyText } from '../../ui/CopyText.tsx'
import { Facts } from '../../ui/Facts.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import css from './compute.module.css'
import { cancelJob, hasEnded, JOB, jobQuery } from './compute.ts'
import { Took } from './JobsPanel.tsx'

/** How near to the end somebody must be to be carried along, in pixels. */
const NEAR = 24

/** One job: how it stands, what it wrote so far, what it answered, and the way to end it. */
export default function JobDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation()
  const job = useQuery(jobQuery(id))
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size="min(720px, 100vw)"
      title={<strong>{job.data?.name ?? t('jobs.one')}</strong>}
      closeButtonProps={{ 'aria-label': t('action.close') }}
    >
      <div className={ui.drawer}>
        <Asked query={job}>{(found) => <Found job={found} />}</Asked>
      </div>
    </Drawer>
  )
}

function Found({ job }: { job: JobDetail }) {
  const { t } = useTranslation()
  const [isAsking, setAsking] = useState(false)
  const when = (at: number) => (at > 0 ? <When at={at} /> : null)
  return (
    <>
      <div className={css.head}>
        <StateTag look={JOB[job.state]} />
        {hasEnded(job) ? null : (
          <Button size="compact-sm" variant="default" onClick={() => setAsking(true)}>
            {t('jobs.cancel')}
          </Button>
        )}
      </div>
      {job.error ? <p lang="en">{job.error}</p> : null}
      {job.state === 'queued' ? <p className={ui.note}>{t('jobs.queued.hint')}</p> : null}
      {job.state === 'lost' ? <p className={ui.note}>{t('jobs.lost.hint')}</p> : null}
      <Facts
        facts={[
          [
            t('jobs.id'),
            <span key="id" className="mono">
              {job.id}
            </span>,
          ],
          [t('jobs.function'), job.function ? `${job.function}()` : null],
          [t('column.worker'), job.worker],
          [t('jobs.submitted'), when(job.submitted_at)],
          [t('jobs.started'), when(job.started_at)],
          [t('column.took'), job.started_at > 0 ? <Took key="took" job={job} /> : null],
        ]}
      />
      {job.result === null || job.result === undefined ? null : <Result value={job.result} />}
      <Output text={job.output} hasStarted={job.started_at > 0} />
      {isAsking ? <CancelJob job={job} onClose={() => setAsking(false)} /> : null}
    </>
  )
}

function Result({ value }: { value: unknown }) {
  const { t } = useTranslation()
  return (
    <Panel id="job-result" icon="check" title={t('jobs.result')}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard */}
      <pre className={ui.json} tabIndex={0}>
        {JSON.stringify(value, null, 2)}
      </pre>
    </Panel>
  )
}

/** Its end is what people look for: it is followed while they are there. */
function Output({ text, hasStarted }: { text: string; hasStarted: boolean }) {
  const { t } = useTranslation()
  const pane = useRef<HTMLPreElement>(null)
  const wasAtEnd = useRef(true)
  // biome-ignore lint/correctness/useExhaustiveDependencies: follows the text as it grows
  useLayoutEffect(() => {
    if (pane.current && wasAtEnd.current) pane.current.scrollTop = pane.current.scrollHeight
  }, [text])
  const onScroll = ({ currentTarget: { scrollTop, clientHeight, scrollHeight } }: UIEvent) => {
    wasAtEnd.current = scrollTop + clientHeight >= scrollHeight - NEAR
  }
  return (
    <Panel
      id="job-output"
      icon="lines"
      title={t('jobs.output')}
      end={text ? <CopyText value={text} /> : undefined}
    >
      {text ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard
        <pre ref={pane} onScroll={onScroll} className={ui.json} tabIndex={0}>
          {text}
        </pre>
      ) : (
        <p className={ui.note}>{t(hasStarted ? 'jobs.output.none' : 'jobs.output.not_yet')}</p>
      )}
    </Panel>
  )
}

function CancelJob({ job, onClose }: { job: JobDetail; onClose: () => void }) {
  const { t } = useTranslation()
  return (
    <AskFrame
      title={t('jobs.cancel.title', { name: job.name })}
      submit={t('jobs.cancel')}
      done={t('jobs.cancel.done', { name: job.name })}
      act={() => cancelJob(job.id)}
      onClose={onClose}
    >
      <p>{t('jobs.cancel.text')}</p>
    </AskFrame>
  )
}

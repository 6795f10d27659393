import { useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useCallback } from 'react'
import { useTranslation } from 'react-i18next'
import { useOverview } from '../../api/useLive.ts'
import { useTitle } from '../../app/useTitle.ts'
import { Awaited } from '../../ui/Awaited.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import ui from '../../ui/ui.module.css'
import { Stale } from '../overview/Stale.tsx'
import { TasksPanel } from '../overview/TasksPanel.tsx'
import { JobsPanel, UsePanel } from './JobsPanel.tsx'
import { NoticesPanel } from './NoticesPanel.tsx'
import { SchedulerPanel } from './SchedulerPanel.tsx'
import { WorkerTable } from './WorkerTable.tsx'

/** Loaded when first asked for. */
const JobDrawer = lazy(() => import('./JobDrawer.tsx'))

/** Where it listens unless its ports were moved. */
const SCHEDULER = 'tcp://127.0.0.1:8786'

/** What Dask does on this cluster. */
export function ComputePage() {
  const { t } = useTranslation()
  useTitle(t('nav.compute'))
  const navigate = useNavigate()
  const compute = useOverview()?.compute
  const { job } = useSearch({ strict: false }) as { job?: string }
  const open = useCallback(
    (id: string) => void navigate({ to: '/compute', search: { job: id || undefined } }),
    [navigate],
  )
  return (
    <>
      <Stale />
      <PageHead title={t('nav.compute')} note={t('compute.text')} />
      <div className={ui.stack}>
        {compute ? <SchedulerPanel compute={compute} /> : <Awaited height={240} />}
        {compute ? <WorkerTable compute={compute} /> : null}
        <JobsPanel onOpen={open} />
        {compute ? <TasksPanel compute={compute} /> : null}
        {compute ? <NoticesPanel compute={compute} /> : null}
        <UsePanel scheduler={compute?.address || SCHEDULER} />
      </div>
      <Suspense fallback={null}>
        {job ? <JobDrawer key={job} id={job} onClose={() => open('')} /> : null}
      </Suspense>
    </>
  )
}

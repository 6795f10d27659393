import { Skeleton } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { ApiError } from '../../api/errors.ts'
import { useLive, useOverview } from '../../api/useLive.ts'
import { useTitle } from '../../app/useTitle.ts'
import { Failure } from '../../ui/Failure.tsx'
import { ConnectPanel } from './ConnectPanel.tsx'
import { EventsPanel } from './EventsPanel.tsx'
import { FirstSteps } from './FirstSteps.tsx'
import { Health } from './Health.tsx'
import { MachinePanel } from './MachinePanel.tsx'
import { ModelsPanel } from './ModelsPanel.tsx'
import { NodesPanel } from './NodesPanel.tsx'
import css from './overview.module.css'
import { PartsPanel } from './PartsPanel.tsx'
import { Stale } from './Stale.tsx'
import { TasksPanel } from './TasksPanel.tsx'
import { Tiles } from './Tiles.tsx'
import { Traffic } from './Traffic.tsx'
import { WorkersPanel } from './WorkersPanel.tsx'
import { WorkTiles } from './WorkTiles.tsx'

export function OverviewPage() {
  const { t } = useTranslation()
  useTitle(t('nav.overview'))
  const overview = useOverview()
  if (!overview) return <Waiting />
  const { system, compute } = overview
  return (
    <>
      <Stale />
      <Health overview={overview} />
      <FirstSteps />
      <Tiles rates={overview.rates} />
      <WorkTiles />
      <div className={css.columns}>
        <div className={css.column}>
          <Traffic />
          <NodesPanel nodes={overview.nodes} isFresh={overview.gateway_reachable} />
          <ModelsPanel models={overview.models} />
          <WorkersPanel compute={compute} />
          <PartsPanel parts={system.parts} />
        </div>
        <div className={css.column}>
          <MachinePanel host={system.host} />
          <TasksPanel compute={compute} />
          <ConnectPanel endpoints={system.endpoints} />
          <EventsPanel />
        </div>
      </div>
    </>
  )
}

/** Before the first picture: the page's bones, or why none comes. */
function Waiting() {
  const { t } = useTranslation()
  const isLost = useLive((state) => state.link === 'lost')
  return (
    <div aria-busy={!isLost}>
      <h1 className={css.waitingTitle}>{isLost ? t('overview.lost') : t('overview.waiting')}</h1>
      {isLost ? <Failure error={new ApiError({ status: 0, code: 'network' })} /> : <Bones />}
    </div>
  )
}

function Bones() {
  return (
    <div aria-hidden="true">
      <div className={css.tiles}>
        {['a', 'b', 'c', 'd'].map((one) => (
          <Skeleton key={one} height={112} radius={12} />
        ))}
      </div>
      <div className={css.columns}>
        <div className={css.column}>
          <Skeleton height={250} radius={12} />
          <Skeleton height={180} radius={12} />
        </div>
        <div className={css.column}>
          <Skeleton height={210} radius={12} />
          <Skeleton height={160} radius={12} />
        </div>
      </div>
    </div>
  )
}

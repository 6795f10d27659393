import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import { useTitle } from '../../app/useTitle.ts'
import { Failure } from '../../ui/Failure.tsx'
import { AddPanel } from './AddPanel.tsx'
import { FoundPanel } from './FoundPanel.tsx'
import { MachinesPanel } from './MachinesPanel.tsx'
import css from './machines.module.css'
import { machinesQuery } from './machines.ts'
import { PowerPanel } from './PowerPanel.tsx'

/** The machines of the LAN that carry the cluster's work, and how another one joins. */
export function MachinesPage() {
  const { t } = useTranslation()
  useTitle(t('nav.machines'))
  const { data: me } = useQuery(meQuery)
  const { data: machines, error, isPending } = useQuery(machinesQuery)
  return (
    <>
      <h1 className={css.title}>{t('machines.heading')}</h1>
      {error ? <Failure error={error} /> : null}
      <div className={css.stack}>
        <MachinesPanel
          machines={machines ?? []}
          isPending={isPending}
          mayChange={reaches(me?.user.role, 'operator')}
        />
        <PowerPanel joined={machines?.length ?? 0} />
        {reaches(me?.user.role, 'admin') ? <AddPanel machines={machines ?? []} /> : null}
        {reaches(me?.user.role, 'operator') ? <FoundPanel mayAdd={reaches(me?.user.role, 'admin')} /> : null}
      </div>
    </>
  )
}

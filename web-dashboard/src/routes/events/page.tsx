import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import { useTitle } from '../../app/useTitle.ts'
import { PageHead } from '../../ui/PageHead.tsx'
import ui from '../../ui/ui.module.css'
import { Stale } from '../overview/Stale.tsx'
import { FiringPanel } from './FiringPanel.tsx'
import { IncidentsPanel } from './IncidentsPanel.tsx'
import { LogPanel } from './LogPanel.tsx'
import { WebhooksPanel } from './WebhooksPanel.tsx'

/** What happens, which alerts fire, what is wrong with how work gets done, and who is told of it. */
export function EventsPage() {
  const { t } = useTranslation()
  useTitle(t('log.heading'))
  const { data: me } = useQuery(meQuery)
  return (
    <>
      <PageHead title={t('log.heading')} note={t('log.text')} />
      <Stale />
      <div className={ui.stack}>
        <FiringPanel />
        <IncidentsPanel />
        <LogPanel />
        {reaches(me?.user.role, 'admin') ? <WebhooksPanel /> : null}
      </div>
    </>
  )
}

import { Button } from '@mantine/core'
import { queryOptions, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../../api/client.ts'
import { meQuery, reaches } from '../../api/session.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Address } from '../../ui/Address.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { Facts } from '../../ui/Facts.tsx'
import { Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'

const systemQuery = queryOptions({
  queryKey: ['system'],
  queryFn: () => sent(api.GET('/api/v1/system')),
})

/** Which cluster this is, in what version, and where its doors are. */
export function AboutPanel() {
  const { t } = useTranslation()
  const format = useFormat()
  const system = useQuery(systemQuery)
  const { data: me } = useQuery(meQuery)
  return (
    <Panel
      id="about"
      icon="parts"
      title={t('settings.about')}
      end={
        reaches(me?.user.role, 'admin') ? (
          <Button component={Link} to="/configuration" size="compact-sm" variant="default">
            {t('settings.cluster.link')}
          </Button>
        ) : null
      }
    >
      <Asked query={system}>
        {({ name, version, uptime_seconds, endpoints, host }) => (
          <>
            <Facts
              facts={[
                [t('settings.cluster'), name],
                [t('settings.version'), version],
                [t('settings.machine'), host.hostname],
                [t('settings.uptime'), format.duration(Math.round(uptime_seconds))],
              ]}
            />
            <ul className={ui.addresses}>
              <Address label={t('settings.api')} value={endpoints.api} />
              <Address label={t('settings.gateway')} value={endpoints.gateway} />
            </ul>
          </>
        )}
      </Asked>
    </Panel>
  )
}

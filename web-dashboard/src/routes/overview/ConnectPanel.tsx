import { useTranslation } from 'react-i18next'
import type { Overview } from '../../api/types.ts'
import { Address } from '../../ui/Address.tsx'
import { Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import css from './overview.module.css'

/** Addresses to give to other programs, each with a button that copies it. */
export function ConnectPanel({ endpoints }: { endpoints: Overview['system']['endpoints'] }) {
  const { t } = useTranslation()
  return (
    <Panel id="connect" icon="link" title={t('connect.title')}>
      <ul className={ui.addresses}>
        <Address label={t('connect.ollama')} value={endpoints.gateway} />
        <Address label={t('connect.openai')} value={`${endpoints.gateway}/v1`} />
        <Address label={t('connect.api')} value={`${endpoints.api}/api/v1`} />
        <li>
          <span className={ui.addressLabel}>{t('connect.dask')}</span>
          <a className={css.out} href={endpoints.dask_dashboard} target="_blank" rel="noreferrer noopener">
            {t('connect.dask.open')}
          </a>
        </li>
      </ul>
    </Panel>
  )
}

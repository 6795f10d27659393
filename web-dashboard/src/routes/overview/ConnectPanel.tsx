import { ActionIcon, CopyButton, Tooltip } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { Overview } from '../../api/types.ts'
import { Icon } from '../../ui/icons.tsx'
import { useSay } from '../../ui/notices.tsx'
import { Panel } from '../../ui/Panel.tsx'
import css from './overview.module.css'

/** Addresses to give to other programs, each with a button that copies it. */
export function ConnectPanel({ endpoints }: { endpoints: Overview['system']['endpoints'] }) {
  const { t } = useTranslation()
  return (
    <Panel id="connect" icon="link" title={t('connect.title')}>
      <ul className={css.addresses}>
        <Address label={t('connect.ollama')} value={endpoints.gateway} />
        <Address label={t('connect.openai')} value={`${endpoints.gateway}/v1`} />
        <Address label={t('connect.api')} value={`${endpoints.api}/api/v1`} />
        <li>
          <span className={css.addressLabel}>{t('connect.dask')}</span>
          <a className={css.out} href={endpoints.dask_dashboard} target="_blank" rel="noreferrer noopener">
            {t('connect.dask.open')}
          </a>
        </li>
      </ul>
    </Panel>
  )
}

function Address({ label, value }: { label: string; value: string }) {
  const { t } = useTranslation()
  const say = useSay()
  return (
    <li>
      <span className={css.addressLabel}>{label}</span>
      <span className={css.address}>
        <code className="mono">{value}</code>
        <CopyButton value={value}>
          {({ copy }) => (
            <Tooltip label={t('action.copy')}>
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={t('connect.copy', { label })}
                onClick={() => {
                  copy()
                  say(t('connect.copied', { label }))
                }}
              >
                <Icon name="copy" size={16} />
              </ActionIcon>
            </Tooltip>
          )}
        </CopyButton>
      </span>
    </li>
  )
}

import { useTranslation } from 'react-i18next'
import { Coded } from '../../ui/Coded.tsx'
import { Command } from '../../ui/Command.tsx'
import { Panel } from '../../ui/Panel.tsx'
import css from './backups.module.css'

/** What has to be kept elsewhere, and what to type when it is needed. `newest`: the backup to name. */
export function HowPanels({ newest }: { newest: string | undefined }) {
  const { t } = useTranslation()
  const file = newest ?? 'FILE'
  return (
    <>
      <Panel id="key" icon="key" title={t('backups.key')}>
        <div className={css.text}>
          <p>
            <Coded text={t('backups.key.text')} />
          </p>
        </div>
      </Panel>
      <Panel id="restore" icon="restart" title={t('backups.restore')}>
        <ol className={css.steps}>
          <li>
            <div className={css.step}>
              <p>{t('backups.restore.here')}</p>
              <Command value={`cluster-ai backup restore ${file} --stop`} />
            </div>
          </li>
          <li>
            <div className={css.step}>
              <p>{t('backups.restore.elsewhere')}</p>
              <Command value={`cluster-ai backup restore ${file} --key-file backup.key`} />
            </div>
          </li>
          <li>
            <div className={css.step}>
              <p>{t('backups.restore.start')}</p>
              <Command value="cluster-ai up" />
            </div>
          </li>
        </ol>
      </Panel>
    </>
  )
}

import { useTranslation } from 'react-i18next'
import type { UpdateOutcome } from '../../api/types.ts'
import { When } from '../../ui/Ago.tsx'
import { Facts } from '../../ui/Facts.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import css from './updates.module.css'
import { RESULT } from './updates.ts'

/** How the last update went. */
export function LastPanel({ last }: { last: UpdateOutcome | null | undefined }) {
  const { t } = useTranslation()
  return (
    <Panel
      id="last"
      icon="clock"
      title={t('updates.last')}
      note={last ? <StateTag look={RESULT[last.result]} /> : undefined}
      flush={!last}
    >
      {last ? (
        <div className={css.text}>
          {last.reason ? <p lang="en">{last.reason}</p> : null}
          <Facts
            facts={[
              [t('updates.tried'), last.name],
              [t('updates.before'), last.before],
              [t('updates.when'), <When key="when" at={last.at} />],
              [t('updates.backup'), last.backup],
            ]}
          />
          {last.database_restored ? <p className={ui.note}>{t('updates.database_restored')}</p> : null}
        </div>
      ) : (
        <Empty title={t('updates.last.none')}>{t('updates.last.none.hint')}</Empty>
      )}
    </Panel>
  )
}

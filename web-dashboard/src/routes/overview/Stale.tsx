import { Button } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { STALE_SECONDS, useAge, useLiveLink } from '../../api/useLive.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Icon } from '../../ui/icons.tsx'
import css from './overview.module.css'

/** Says how old the picture is once nothing new comes. */
export function Stale() {
  const { t } = useTranslation()
  const format = useFormat()
  const live = useLiveLink()
  const age = useAge()
  const isStale = age !== null && age > STALE_SECONDS
  return (
    <div role="status">
      {isStale ? (
        <div className={css.stale} data-tone="warn">
          <Icon name="clock" />
          <p>{t('stale.text', { age: format.duration(Math.round(age)) })}</p>
          <Button size="compact-sm" variant="default" onClick={live.retryNow}>
            {t('action.try_again')}
          </Button>
        </div>
      ) : null}
    </div>
  )
}

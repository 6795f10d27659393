import { useTranslation } from 'react-i18next'
import { STALE_SECONDS, useAge, useLiveLink } from '../../api/useLive.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Banner } from '../../ui/Banner.tsx'

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
        <Banner
          icon="clock"
          text={t('stale.text', { age: format.duration(Math.round(age)) })}
          action={t('action.try_again')}
          onAction={live.retryNow}
        />
      ) : null}
    </div>
  )
}

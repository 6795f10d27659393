import { useTranslation } from 'react-i18next'
import { STALE_SECONDS, useAge, useLive } from '../api/useLive.ts'
import { useFormat } from '../i18n/useFormat.ts'
import css from './frame.module.css'

/** Whether what is on screen is live, in a word and a colour. */
export function LinkState() {
  const { t } = useTranslation()
  const format = useFormat()
  const link = useLive((state) => state.link)
  const age = useAge()
  const isFresh = link === 'live' && age !== null && age <= STALE_SECONDS
  if (isFresh) {
    return (
      <span className={css.link} data-tone="ok">
        <i className={css.pulse} />
        {t('link.live')}
      </span>
    )
  }
  const word =
    age === null ? t('link.connecting') : t('link.stale', { age: format.duration(Math.round(age)) })
  return (
    <span className={css.link} data-tone={age === null ? 'busy' : 'warn'}>
      <i className={css.dot} />
      {word}
    </span>
  )
}

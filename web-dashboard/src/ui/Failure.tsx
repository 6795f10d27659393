import { useTranslation } from 'react-i18next'
import { ApiError } from '../api/errors.ts'
import { useFormat } from '../i18n/useFormat.ts'
import { Coded } from './Coded.tsx'
import { Icon } from './icons.tsx'
import css from './ui.module.css'

/** An error as people read it: what is wrong in their language where the code is known, and the API's own words. */
export function Failure({ error }: { error: unknown }) {
  const { title, detail, hint } = useFailureWords(error)
  return (
    <div className={css.failure} data-tone="bad" role="alert">
      <Icon name="warning" />
      <div>
        <p>
          <strong>{title}</strong>
        </p>
        {detail ? (
          <p>
            <Coded text={detail} />
          </p>
        ) : null}
        {hint ? <p className={css.failureHint}>{hint}</p> : null}
      </div>
    </div>
  )
}

interface Words {
  title: string
  detail: string
  hint: string
}

export function useFailureWords(error: unknown): Words {
  const { t } = useTranslation()
  const format = useFormat()
  if (!(error instanceof ApiError)) return { title: t('error.unexpected'), detail: '', hint: '' }
  const wait = error.retryAfter
  switch (error.code) {
    case 'network':
      return { title: t('error.network'), detail: t('error.network.hint'), hint: '' }
    case 'too_many_attempts':
      return {
        title: t('error.locked'),
        detail:
          wait === null ? t('error.locked.later') : t('error.locked.wait', { wait: format.duration(wait) }),
        hint: '',
      }
    case 'bad_credentials':
      return { title: t('error.bad_credentials'), detail: '', hint: '' }
    case 'unauthenticated':
      return { title: t('error.unauthenticated'), detail: '', hint: '' }
    case 'weak_password':
      return { title: t('error.weak_password'), detail: error.message, hint: error.hint }
    case 'forbidden':
      return { title: t('error.forbidden'), detail: error.message, hint: error.hint }
    case 'unavailable':
      return { title: t('error.unavailable'), detail: error.message, hint: error.hint }
    default:
      return { title: error.message || t('error.unexpected'), detail: '', hint: error.hint }
  }
}

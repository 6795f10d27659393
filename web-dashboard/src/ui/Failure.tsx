import { useTranslation } from 'react-i18next'
import { ApiError } from '../api/errors.ts'
import { told } from '../i18n/sentences.ts'
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
  const { t, i18n } = useTranslation()
  const format = useFormat()
  if (!(error instanceof ApiError)) return { title: t('error.unexpected'), detail: '', hint: '' }
  const wait = error.retryAfter
  const words = told(error, i18n.language) ?? { text: error.message, detail: '', hint: error.hint }
  // Below a title of its own, what a general sentence says is said already.
  const line = words.detail || words.text
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
      return { title: t('error.weak_password'), detail: line, hint: words.hint }
    case 'forbidden':
      return { title: t('error.forbidden'), detail: line, hint: words.hint }
    case 'unavailable':
      return { title: t('error.unavailable'), detail: line, hint: words.hint }
    default:
      return { title: words.text || t('error.unexpected'), detail: words.detail, hint: words.hint }
  }
}

import { useTranslation } from 'react-i18next'
import { ApiError } from '../api/errors.ts'
import { Failure } from './Failure.tsx'
import css from './ui.module.css'

interface FieldProblemsProps {
  error: unknown
  /** What a dotted path is called where people wrote it. */
  named?: (path: string) => string
}

/** Why something was refused, and at which places of what was sent. */
export function FieldProblems({ error, named = (path) => path }: FieldProblemsProps) {
  const { t } = useTranslation()
  const fields = error instanceof ApiError ? error.fields : []
  return (
    <div className={css.asked}>
      <Failure error={error} />
      {fields.length > 0 ? (
        <ul className={css.fieldProblems} aria-label={t('refused.places')}>
          {fields.map((field) => (
            <li key={`${field.path} ${field.message}`}>
              <code className="mono">{named(field.path) || t('refused.whole')}</code>
              <span lang="en">{field.message}</span>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  )
}

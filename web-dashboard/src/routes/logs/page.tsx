import { useNavigate, useSearch } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { useTitle } from '../../app/useTitle.ts'
import { LogsView } from './LogsView.tsx'
import css from './logs.module.css'

/** What all parts have logged. The search stands in the address, so that it can be sent to somebody. */
export function LogsPage() {
  const { t } = useTranslation()
  useTitle(t('nav.logs'))
  const navigate = useNavigate()
  const { q = '' } = useSearch({ strict: false }) as { q?: string }
  return (
    <>
      <h1 className={css.title}>{t('logs.heading')}</h1>
      <LogsView
        key={q}
        asked={q}
        onAsk={(asked) => void navigate({ to: '/logs', search: asked ? { q: asked } : {} })}
      />
    </>
  )
}

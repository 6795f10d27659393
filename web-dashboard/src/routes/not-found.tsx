import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import css from '../app/frame.module.css'
import { useTitle } from '../app/useTitle.ts'

export function NotFoundPage() {
  const { t } = useTranslation()
  useTitle(t('missing.title'))
  return (
    <main className={css.lonely}>
      <div className={css.lonelyCard}>
        <p className={css.code}>404</p>
        <h1>{t('missing.title')}</h1>
        <p className={css.quiet}>{t('missing.text')}</p>
        <Button renderRoot={(props) => <Link to="/" {...props} />}>{t('missing.back')}</Button>
      </div>
    </main>
  )
}

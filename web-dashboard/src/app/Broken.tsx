import { Button } from '@mantine/core'
import type { ErrorComponentProps } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { Failure } from '../ui/Failure.tsx'
import css from './frame.module.css'

/** What stands in place of a page that could not be shown. */
export function Broken({ error, reset }: ErrorComponentProps) {
  const { t } = useTranslation()
  return (
    <main className={css.lonely}>
      <div className={css.lonelyCard}>
        <h1>{t('broken.title')}</h1>
        <Failure error={error} />
        <Button
          onClick={() => {
            reset()
            window.location.reload()
          }}
        >
          {t('action.try_again')}
        </Button>
      </div>
    </main>
  )
}

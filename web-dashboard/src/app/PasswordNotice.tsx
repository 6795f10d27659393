import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { meQuery } from '../api/session.ts'
import { Icon } from '../ui/icons.tsx'
import { useDialogs } from './dialogs.tsx'
import css from './frame.module.css'

/** Asks for a password of one's own while the first, generated one is in use. */
export function PasswordNotice() {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const { data: me } = useQuery(meQuery)
  if (me?.user.password_chosen !== false) return null
  return (
    <aside className={css.banner} data-tone="warn" aria-label={t('first.label')}>
      <Icon name="key" />
      <p>{t('first.text')}</p>
      <Button size="compact-sm" variant="default" onClick={() => dialogs.open({ kind: 'password' })}>
        {t('account.password')}
      </Button>
    </aside>
  )
}

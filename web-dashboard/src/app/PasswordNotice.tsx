import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { meQuery } from '../api/session.ts'
import { Banner } from '../ui/Banner.tsx'
import { useDialogs } from './dialogs.tsx'

/** Asks for a password of one's own while the first, generated one is in use. */
export function PasswordNotice() {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const { data: me } = useQuery(meQuery)
  if (me?.user.password_chosen !== false) return null
  return (
    <aside aria-label={t('first.label')}>
      <Banner
        icon="key"
        text={t('first.text')}
        action={t('account.password')}
        onAction={() => dialogs.open({ kind: 'password' })}
      />
    </aside>
  )
}

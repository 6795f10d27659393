import { useNavigate } from '@tanstack/react-router'
import { useCallback } from 'react'
import { useTranslation } from 'react-i18next'
import { signOut } from '../api/session.ts'
import { useSay } from '../ui/notices.tsx'

export function useSignOut(): () => void {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const say = useSay()
  return useCallback(() => {
    signOut().then(
      () => navigate({ to: '/sign-in' }),
      () => say(t('account.sign_out.failed')),
    )
  }, [navigate, say, t])
}

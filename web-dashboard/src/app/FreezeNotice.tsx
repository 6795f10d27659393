import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { Banner } from '../ui/Banner.tsx'
import { ACTIONS, freezesQuery, refusedBy } from './freezes.ts'

/** Says on every page what is refused while something is frozen. */
export function FreezeNotice() {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const { data: freezes = [] } = useQuery(freezesQuery)
  const refused = refusedBy(freezes)
  if (refused.length === 0) return null
  return (
    <aside aria-label={t('freeze.notice')}>
      <Banner
        icon="frost"
        text={t('freeze.notice.text', { what: refused.map((action) => t(ACTIONS[action])).join(', ') })}
        action={t('freeze.notice.see')}
        onAction={() => void navigate({ to: '/freezes' })}
      />
    </aside>
  )
}

import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import { Icon } from '../../ui/icons.tsx'
import { isPutAway, putAway } from '../setup/away.ts'
import css from './overview.module.css'

/** Leads an administrator through a cluster that has just begun, until they say that they know. */
export function FirstSteps() {
  const { t } = useTranslation()
  const { data: me } = useQuery(meQuery)
  const [isAway, setAway] = useState(isPutAway)
  if (isAway || !reaches(me?.user.role, 'admin')) return null
  return (
    <aside className={css.first} aria-label={t('nav.setup')}>
      <Icon name="flag" />
      <span>{t('setup.invite')}</span>
      <Button component={Link} to="/setup" size="compact-sm">
        {t('nav.setup')}
      </Button>
      <Button
        size="compact-sm"
        variant="subtle"
        onClick={() => {
          putAway(true)
          setAway(true)
        }}
      >
        {t('setup.away')}
      </Button>
    </aside>
  )
}

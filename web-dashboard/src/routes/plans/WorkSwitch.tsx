import { SegmentedControl } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'

type Place = '/plans' | '/tickets'

/** Between the plans and the tickets of all of them. */
export function WorkSwitch({ at }: { at: Place }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  return (
    <SegmentedControl<Place>
      size="xs"
      value={at}
      onChange={(to) => void navigate({ to })}
      aria-label={t('work.view')}
      data={[
        { value: '/plans', label: t('nav.plans') },
        { value: '/tickets', label: t('plan.tickets') },
      ]}
    />
  )
}

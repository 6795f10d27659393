import { SegmentedControl } from '@mantine/core'
import { useTranslation } from 'react-i18next'

export type View = 'chart' | 'table'

/** Drawn, or as a table: for those who would rather read figures, or hear them. */
export function ViewSwitch({ value, onChange }: { value: View; onChange: (view: View) => void }) {
  const { t } = useTranslation()
  return (
    <SegmentedControl<View>
      size="xs"
      value={value}
      onChange={onChange}
      aria-label={t('traffic.view')}
      data={[
        { value: 'chart', label: t('traffic.chart') },
        { value: 'table', label: t('traffic.table') },
      ]}
    />
  )
}

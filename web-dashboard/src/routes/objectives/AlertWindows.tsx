import { Button, NativeSelect, NumberInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { Objective } from '../../api/types.ts'
import ui from '../../ui/ui.module.css'
import css from './objectives.module.css'

type Alert = NonNullable<Objective['alert_windows']>[number]

const MOST = 8
/** The first row of the SRE workbook's table, to begin with. */
const FIRST: Alert = { severity: 'page', budget: 0.02, long_seconds: 3600, short_seconds: 300 }

interface AlertsProps {
  alerts: readonly Alert[]
  onChange: (alerts: Alert[]) => void
}

/** When somebody is told that the budget burns; without rows of its own an objective has the usual ones. */
export function AlertWindows({ alerts, onChange }: AlertsProps) {
  const { t } = useTranslation()
  const put = (at: number, change: Partial<Alert>) =>
    onChange(alerts.map((one, index) => (index === at ? { ...one, ...change } : one)))
  return (
    <fieldset className={css.alerts}>
      <legend>{t('alerts.windows')}</legend>
      <p className={ui.note}>{alerts.length === 0 ? t('alerts.usual') : t('alerts.own')}</p>
      {alerts.map((alert, index) => (
        <Row
          // biome-ignore lint/suspicious/noArrayIndexKey: rows have no name of their own, and are not sorted
          key={index}
          number={index + 1}
          alert={alert}
          onChange={(change) => put(index, change)}
          onRemove={() => onChange(alerts.filter((_, other) => other !== index))}
        />
      ))}
      <div className={css.acts}>
        <Button
          variant="default"
          size="compact-sm"
          disabled={alerts.length >= MOST}
          onClick={() => onChange([...alerts, alerts.at(-1) ?? FIRST])}
        >
          {t('alerts.add')}
        </Button>
      </div>
    </fieldset>
  )
}

interface RowProps {
  number: number
  alert: Alert
  onChange: (change: Partial<Alert>) => void
  onRemove: () => void
}

function Row({ number, alert, onChange, onRemove }: RowProps) {
  const { t } = useTranslation()
  return (
    <fieldset className={css.group} aria-label={t('alerts.row', { number })}>
      <NativeSelect
        label={t('burn.severity')}
        value={alert.severity}
        onChange={({ currentTarget: { value } }) => onChange({ severity: value })}
        data={[
          { value: 'page', label: t('alerts.page') },
          { value: 'ticket', label: t('alerts.ticket') },
        ]}
      />
      <NumberInput
        label={t('alerts.budget')}
        suffix=" %"
        min={0.01}
        max={100}
        value={Number((alert.budget * 100).toFixed(4))}
        onChange={(value) => onChange({ budget: Number((Number(value) / 100).toFixed(8)) })}
        required
      />
      <Minutes
        label={t('alerts.long')}
        least={2}
        value={alert.long_seconds}
        onChange={(long_seconds) => onChange({ long_seconds })}
      />
      <Minutes
        label={t('alerts.short')}
        least={1}
        value={alert.short_seconds}
        error={alert.short_seconds >= alert.long_seconds ? t('alerts.wrong') : null}
        onChange={(short_seconds) => onChange({ short_seconds })}
      />
      <Button variant="default" onClick={onRemove} aria-label={t('alerts.remove_row', { number })}>
        {t('alerts.remove')}
      </Button>
    </fieldset>
  )
}

interface MinutesProps {
  label: string
  least: number
  value: number
  error?: string | null
  onChange: (seconds: number) => void
}

/** Windows are whole minutes, of ninety days at the most. */
function Minutes({ label, least, value, error = null, onChange }: MinutesProps) {
  return (
    <NumberInput
      label={label}
      suffix=" min"
      min={least}
      max={129_600}
      allowDecimal={false}
      value={value / 60}
      onChange={(minutes) => onChange(Number(minutes) * 60)}
      error={error}
      required
    />
  )
}

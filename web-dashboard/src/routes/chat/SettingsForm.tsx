import { NumberInput, Select, Textarea } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Model } from '../../api/types.ts'
import type { Settings } from '../../chat/store.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import css from './chat.module.css'

interface SettingsFormProps {
  settings: Settings
  /** The model that will be asked. */
  model: string
  models: readonly Model[]
  onChange: (change: Partial<Settings>) => void
  /** Stands in place of the list of models. */
  chooser?: ReactNode
}

export function SettingsForm({ settings, model, models, onChange, chooser }: SettingsFormProps) {
  const { t } = useTranslation()
  const format = useFormat()
  const chosen = models.find((one) => one.name === model)
  const facts = chosen
    ? [chosen.parameter_size, chosen.quantization, chosen.size > 0 ? format.bytes(chosen.size) : ''].filter(
        Boolean,
      )
    : []
  return (
    <div className={css.form}>
      {chooser ?? (
        <Select
          label={t('chat.model')}
          description={facts.join(' · ')}
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          placeholder={t('chat.model.none')}
          data={models.map((one) => one.name)}
          value={model || null}
          onChange={(value) => onChange({ model: value ?? '' })}
          allowDeselect={false}
          searchable={models.length > 8}
          disabled={models.length === 0}
        />
      )}
      <Textarea
        label={t('chat.system')}
        placeholder={t('chat.system.hint')}
        value={settings.system}
        onChange={(event) => onChange({ system: event.currentTarget.value })}
        minRows={3}
        maxRows={8}
        autosize
      />
      <NumberInput
        label={t('chat.temperature')}
        placeholder={t('chat.default')}
        value={settings.temperature}
        onChange={(value) => onChange({ temperature: String(value) })}
        min={0}
        max={2}
        step={0.1}
        decimalScale={2}
      />
      <div className={css.pair}>
        <NumberInput
          label={t('chat.max_tokens')}
          placeholder={t('chat.default')}
          value={settings.maxTokens}
          onChange={(value) => onChange({ maxTokens: String(value) })}
          min={1}
          max={32_768}
          step={64}
          allowDecimal={false}
        />
        <NumberInput
          label={t('chat.seed')}
          placeholder={t('chat.random')}
          value={settings.seed}
          onChange={(value) => onChange({ seed: String(value) })}
          min={0}
          max={2_147_483_647}
          allowDecimal={false}
          hideControls
        />
      </div>
    </div>
  )
}

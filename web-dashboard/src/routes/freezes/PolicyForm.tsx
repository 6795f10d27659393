import { Checkbox, NativeSelect, NumberInput, Stack, Switch, Textarea, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { FreezeAction, Pace } from '../../api/types.ts'
import { ACTIONS } from '../../app/freezes.ts'
import type { Key } from '../../i18n/index.ts'
import css from './freezes.module.css'
import { FAST, linesOf, type Rule, SCOPES, type Scope, type wrongIn } from './policies.ts'

const PACES: Record<(typeof FAST)[number], Key> = {
  ELEVATED: 'pace.elevated',
  FAST: 'pace.fast',
  CRITICAL: 'pace.critical',
}

interface FormProps {
  rule: Rule
  wrong: ReturnType<typeof wrongIn>
  onChange: (rule: Rule) => void
}

/** When a budget forbids risky work, and what. */
export function PolicyForm({ rule, wrong, onChange }: FormProps) {
  const { t } = useTranslation()
  const set = (change: Partial<Rule>) => onChange({ ...rule, ...change })
  return (
    <Stack gap="md">
      <TextInput
        label={t('column.name')}
        value={rule.name}
        onChange={({ currentTarget: { value } }) => set({ name: value })}
        maxLength={128}
        autoComplete="off"
        required
        data-autofocus
      />
      <div className={css.pair}>
        <NativeSelect
          label={t('policies.scope')}
          value={rule.scope ?? 'SERVICE'}
          onChange={({ currentTarget: { value } }) => set({ scope: value as Scope })}
          data={Object.entries(SCOPES).map(([value, word]) => ({ value, label: t(word) }))}
        />
        {rule.scope === 'GLOBAL' ? null : (
          <TextInput
            label={t(rule.scope === 'GROUP' ? 'slo.layer' : 'slo.service')}
            value={rule.target ?? ''}
            onChange={({ currentTarget: { value } }) => set({ target: value })}
            error={wrong.target ? t(wrong.target) : null}
            maxLength={128}
            spellCheck={false}
            required
          />
        )}
      </div>
      <Checkbox.Group
        label={t('policies.refuses')}
        value={rule.actions}
        onChange={(actions) => set({ actions: actions as FreezeAction[] })}
        error={wrong.actions ? t(wrong.actions) : null}
      >
        <Stack gap={8} mt={6}>
          {Object.entries(ACTIONS).map(([value, word]) => (
            <Checkbox key={value} value={value} label={t(word)} />
          ))}
        </Stack>
      </Checkbox.Group>
      <Thresholds rule={rule} wrong={wrong} set={set} />
      <Exemptions start={rule.exemptions ?? []} wrong={wrong.exemptions} set={set} />
      <Switch
        label={t('policies.on')}
        checked={rule.enabled !== false}
        onChange={({ currentTarget: { checked } }) => set({ enabled: checked })}
      />
    </Stack>
  )
}

interface PartProps {
  rule: Rule
  wrong: FormProps['wrong']
  set: (change: Partial<Rule>) => void
}

function Thresholds({ rule, wrong, set }: PartProps) {
  const { t } = useTranslation()
  const percent = (share: number | undefined) => Number(((share ?? 0) * 100).toFixed(4))
  const share = (value: string | number) => Number((Number(value) / 100).toFixed(8))
  return (
    <div className={css.pair}>
      <NumberInput
        label={t('policies.below')}
        description={t('policies.below.hint')}
        suffix=" %"
        max={99.99}
        value={percent(rule.trigger_below)}
        onChange={(value) => set({ trigger_below: share(value) })}
      />
      <NumberInput
        label={t('policies.above')}
        description={t('policies.above.hint')}
        suffix=" %"
        max={100}
        value={percent(rule.release_above)}
        onChange={(value) => set({ release_above: share(value) })}
        error={wrong.release_above ? t(wrong.release_above) : null}
      />
      <NativeSelect
        label={t('policies.pace')}
        value={rule.trigger_pace ?? ''}
        onChange={({ currentTarget: { value } }) => set({ trigger_pace: (value || null) as Pace | null })}
        data={[
          { value: '', label: t('policies.pace.none') },
          ...FAST.map((value) => ({ value, label: t(PACES[value]) })),
        ]}
      />
      <NumberInput
        label={t('policies.minutes')}
        min={0}
        max={43_200}
        allowDecimal={false}
        value={Math.round((rule.min_duration_s ?? 900) / 60)}
        onChange={(value) => set({ min_duration_s: Number(value) * 60 })}
      />
    </div>
  )
}

interface ExemptionsProps {
  start: readonly string[]
  wrong: Key | undefined
  set: PartProps['set']
}

function Exemptions({ start, wrong, set }: ExemptionsProps) {
  const { t } = useTranslation()
  // The text as it is typed: a line that only begins would be lost on its way through the list.
  const [typed, setTyped] = useState(start.join('\n'))
  return (
    <Textarea
      label={t('policies.exempt')}
      description={t('policies.exempt.hint')}
      value={typed}
      onChange={({ currentTarget: { value } }) => {
        setTyped(value)
        set({ exemptions: linesOf(value) })
      }}
      error={wrong ? t(wrong) : null}
      autosize
      spellCheck={false}
    />
  )
}

import { NumberInput, Stack, Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../../api/client.ts'
import { queries } from '../../api/session.ts'
import type { Instance } from '../../api/types.ts'
import { AskFrame, TypedFrame } from '../../app/AskFrame.tsx'
import { Coded } from '../../ui/Coded.tsx'
import { asRegistered, LONGEST_MINUTES, NEW_SERVICE, type NewService, wrongIn } from './registering.ts'

export type ServiceAsk = { kind: 'register' } | { kind: 'remove'; instance: Instance }

interface DialogProps {
  ask: ServiceAsk
  onClose: () => void
}

const again = () => queries.invalidateQueries({ queryKey: ['services'] })

export function ServiceDialog({ ask, onClose }: DialogProps) {
  if (ask.kind === 'remove') return <Remove instance={ask.instance} onClose={onClose} />
  return <Register onClose={onClose} />
}

function Register({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const [made, setMade] = useState(NEW_SERVICE)
  const wrong = wrongIn(made)
  const act = async () => {
    await sent(api.POST('/api/v1/registry/instances', { body: asRegistered(made) }))
    await again()
  }
  return (
    <AskFrame
      title={t('services.register')}
      submit={t('services.register.do')}
      done={t('services.registered', { name: made.name.trim(), count: made.minutes })}
      act={act}
      ready={made.name.trim() !== '' && Object.keys(wrong).length === 0}
      onClose={onClose}
    >
      <Text size="sm">
        <Coded text={t('services.register.text')} />
      </Text>
      <Fields made={made} wrong={wrong} onChange={setMade} />
    </AskFrame>
  )
}

interface FieldsProps {
  made: NewService
  wrong: ReturnType<typeof wrongIn>
  onChange: (made: NewService) => void
}

const TEXTS = {
  name: 'column.name',
  kind: 'column.kind',
  id: 'services.id',
  url: 'services.address',
  capabilities: 'services.abilities',
  labels: 'services.labels',
} as const
const HINTS = {
  name: null,
  kind: 'services.kind.hint',
  id: 'services.id.hint',
  url: 'services.address.hint',
  capabilities: 'services.abilities.hint',
  labels: 'services.labels.hint',
} as const

function Fields({ made, wrong, onChange }: FieldsProps) {
  const { t } = useTranslation()
  return (
    <Stack gap="md">
      {(Object.keys(TEXTS) as (keyof typeof TEXTS)[]).map((field) => (
        <TextInput
          key={field}
          label={t(TEXTS[field])}
          description={HINTS[field] ? t(HINTS[field]) : null}
          value={made[field]}
          onChange={({ currentTarget: { value } }) => onChange({ ...made, [field]: value })}
          error={wrong[field] ? t(wrong[field]) : null}
          maxLength={512}
          autoComplete="off"
          spellCheck={false}
          required={field === 'name'}
          data-autofocus={field === 'name' ? true : undefined}
        />
      ))}
      <NumberInput
        label={t('services.minutes')}
        min={1}
        max={LONGEST_MINUTES}
        allowDecimal={false}
        value={made.minutes}
        onChange={(value) => onChange({ ...made, minutes: Number(value) })}
        error={wrong.minutes ? t(wrong.minutes) : null}
      />
    </Stack>
  )
}

function Remove({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const { t } = useTranslation()
  const { id, name } = instance
  const act = async () => {
    await sent(api.DELETE('/api/v1/registry/instances/{instance}', { params: { path: { instance: id } } }))
    await again()
  }
  return (
    <TypedFrame
      title={t('services.remove.title', { name })}
      submit={t('services.remove')}
      done={t('services.removed', { name })}
      act={act}
      word={name}
      onClose={onClose}
    >
      <Text size="sm">{t('services.remove.text')}</Text>
    </TypedFrame>
  )
}

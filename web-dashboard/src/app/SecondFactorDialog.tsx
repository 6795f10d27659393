import { Button, Group, Modal, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../api/client.ts'
import type { components } from '../api/schema'
import { queries } from '../api/session.ts'
import { Asked } from '../ui/Asked.tsx'
import { Command } from '../ui/Command.tsx'
import { AskFrame } from './AskFrame.tsx'
import css from './frame.module.css'

type Shown = components['schemas']['ShownFactor']

const KEY = ['second-factor']
const again = async () => {
  await queries.invalidateQueries({ queryKey: KEY })
  await queries.invalidateQueries({ queryKey: ['people'] })
}

/** One's own second factor: turned on in three steps, or off. */
export function SecondFactorDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const [shown, setShown] = useState<Shown | null>(null)
  const [recovery, setRecovery] = useState<readonly string[] | null>(null)
  const state = useQuery({
    queryKey: KEY,
    queryFn: () => sent(api.GET('/api/v1/auth/second-factor')),
    staleTime: 0,
  })
  if (recovery) return <RecoveryDialog codes={recovery} onClose={onClose} />
  if (shown) return <ConfirmDialog shown={shown} onConfirmed={setRecovery} onClose={onClose} />
  if (state.data?.on) return <OffDialog left={state.data.recovery_codes_left} onClose={onClose} />
  if (state.data) return <BeginDialog onBegun={setShown} onClose={onClose} />
  return (
    <Modal
      opened
      onClose={onClose}
      title={<strong>{t('factor.title')}</strong>}
      closeButtonProps={{ 'aria-label': t('action.close') }}
    >
      <Asked query={state}>{() => null}</Asked>
    </Modal>
  )
}

interface FieldProps {
  value: string
  onChange: (value: string) => void
}

function CurrentPassword({ value, onChange }: FieldProps) {
  const { t } = useTranslation()
  return (
    <PasswordInput
      label={t('password.current')}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      autoComplete="current-password"
      data-autofocus
      visibilityToggleButtonProps={{ 'aria-label': t('signin.show'), tabIndex: 0 }}
    />
  )
}

function Code({ value, onChange, rule = '' }: FieldProps & { rule?: string }) {
  const { t } = useTranslation()
  return (
    <TextInput
      label={t('signin.code')}
      description={rule}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      autoComplete="one-time-code"
      spellCheck={false}
      maxLength={64}
    />
  )
}

function BeginDialog({ onBegun, onClose }: { onBegun: (shown: Shown) => void; onClose: () => void }) {
  const { t } = useTranslation()
  const [password, setPassword] = useState('')
  const act = async () => onBegun(await sent(api.POST('/api/v1/auth/second-factor', { body: { password } })))
  return (
    <AskFrame
      title={t('factor.title')}
      submit={t('factor.begin')}
      done=""
      act={act}
      next={() => {}}
      ready={password !== ''}
      onClose={onClose}
    >
      <Text size="sm">{t('factor.text')}</Text>
      <CurrentPassword value={password} onChange={setPassword} />
    </AskFrame>
  )
}

interface ConfirmProps {
  shown: Shown
  onConfirmed: (codes: readonly string[]) => void
  onClose: () => void
}

function ConfirmDialog({ shown, onConfirmed, onClose }: ConfirmProps) {
  const { t } = useTranslation()
  const [code, setCode] = useState('')
  const act = async () => {
    const made = await sent(api.POST('/api/v1/auth/second-factor/confirm', { body: { code } }))
    onConfirmed(made.recovery_codes)
    await again()
  }
  return (
    <AskFrame
      title={t('factor.title')}
      submit={t('factor.confirm')}
      done=""
      act={act}
      next={() => {}}
      ready={code.trim() !== ''}
      onClose={onClose}
    >
      <Text size="sm">{t('factor.scan')}</Text>
      <img
        className={css.factor}
        alt={t('factor.picture')}
        src={`data:image/svg+xml;utf8,${encodeURIComponent(shown.qr)}`}
      />
      <Text size="sm">{t('factor.typed')}</Text>
      <Command value={shown.secret} />
      <Code value={code} onChange={setCode} />
    </AskFrame>
  )
}

function RecoveryDialog({ codes, onClose }: { codes: readonly string[]; onClose: () => void }) {
  const { t } = useTranslation()
  return (
    <Modal
      opened
      onClose={onClose}
      // A click beside it would lose what is shown this once.
      closeOnClickOutside={false}
      title={<strong>{t('factor.on')}</strong>}
      closeButtonProps={{ 'aria-label': t('action.close') }}
    >
      <Stack gap="md">
        <Text size="sm">{t('factor.recovery')}</Text>
        <Command value={codes.join('\n')} />
        <Group justify="flex-end">
          <Button onClick={onClose}>{t('factor.kept')}</Button>
        </Group>
      </Stack>
    </Modal>
  )
}

function OffDialog({ left, onClose }: { left: number; onClose: () => void }) {
  const { t } = useTranslation()
  const [password, setPassword] = useState('')
  const [code, setCode] = useState('')
  const act = async () => {
    await sent(api.POST('/api/v1/auth/second-factor/off', { body: { password, code } }))
    await again()
  }
  return (
    <AskFrame
      title={t('factor.title')}
      submit={t('factor.turn_off')}
      done={t('factor.off')}
      act={act}
      ready={password !== '' && code.trim() !== ''}
      onClose={onClose}
    >
      <Text size="sm">{t('factor.is_on', { count: left })}</Text>
      <CurrentPassword value={password} onChange={setPassword} />
      <Code value={code} onChange={setCode} rule={t('signin.code.rule')} />
    </AskFrame>
  )
}

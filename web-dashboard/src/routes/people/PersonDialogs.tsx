import { Modal, NativeSelect, PasswordInput, Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Person } from '../../api/types.ts'
import { AskFrame, TypedFrame } from '../../app/AskFrame.tsx'
import {
  createPerson,
  givePassword,
  type PersonRole,
  ROLE_WORDS,
  removePerson,
  resetFactor,
  SHORTEST,
} from './people.ts'
import { SessionList } from './SessionList.tsx'

export type PersonAsk =
  | { kind: 'add' }
  | { kind: 'password'; person: Person }
  | { kind: 'factor'; person: Person }
  | { kind: 'remove'; person: Person }
  | { kind: 'sessions'; person: Person }

interface Props {
  ask: PersonAsk
  /** Told the password that was made up, which is shown this once. */
  onPassword: (name: string, password: string) => void
  onClose: () => void
}

/** What is asked before somebody is let in, given a password, or deleted. */
export function PersonDialog({ ask, onPassword, onClose }: Props) {
  switch (ask.kind) {
    case 'add':
      return <AddDialog onPassword={onPassword} onClose={onClose} />
    case 'password':
      return <GiveDialog name={ask.person.name} onPassword={onPassword} onClose={onClose} />
    case 'sessions':
      return <SessionsDialog name={ask.person.name} onClose={onClose} />
    case 'factor':
      return <ResetFactorDialog name={ask.person.name} onClose={onClose} />
    case 'remove':
      return <RemoveDialog name={ask.person.name} onClose={onClose} />
  }
}

function AddDialog({ onPassword, onClose }: Omit<Props, 'ask'>) {
  const { t } = useTranslation()
  const [name, setName] = useState('')
  const [role, setRole] = useState<PersonRole>('viewer')
  const [password, setPassword] = useState('')
  const act = async () => {
    const made = await createPerson(name.trim(), role, password)
    if (made) onPassword(name.trim(), made)
  }
  return (
    <AskFrame
      title={t('people.add')}
      submit={t('people.add')}
      done={t('people.added', { name: name.trim() })}
      act={act}
      ready={name.trim() !== '' && isGood(password)}
      onClose={onClose}
    >
      <TextInput
        label={t('column.name')}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        maxLength={64}
        autoComplete="off"
        spellCheck={false}
        data-autofocus
      />
      <NativeSelect
        label={t('people.role')}
        value={role}
        onChange={(event) => setRole(event.currentTarget.value as PersonRole)}
        data={Object.entries(ROLE_WORDS).map(([value, word]) => ({ value, label: t(word) }))}
      />
      <PasswordField value={password} onChange={setPassword} />
    </AskFrame>
  )
}

function GiveDialog({ name, onPassword, onClose }: Omit<Props, 'ask'> & { name: string }) {
  const { t } = useTranslation()
  const [password, setPassword] = useState('')
  const act = async () => {
    const made = await givePassword(name, password)
    if (made) onPassword(name, made)
  }
  return (
    <AskFrame
      title={t('people.password.title', { name })}
      submit={t('people.password.set')}
      done={t('people.password.done', { name })}
      act={act}
      ready={isGood(password)}
      onClose={onClose}
    >
      <Text size="sm">{t('people.password.text')}</Text>
      <PasswordField value={password} onChange={setPassword} />
    </AskFrame>
  )
}

function SessionsDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const { t } = useTranslation()
  return (
    <Modal
      opened
      onClose={onClose}
      title={<strong>{t('sessions.of', { name })}</strong>}
      closeButtonProps={{ 'aria-label': t('action.close') }}
    >
      <SessionList user={name} />
    </Modal>
  )
}

function ResetFactorDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const { t } = useTranslation()
  return (
    <AskFrame
      title={t('people.factor.title', { name })}
      submit={t('people.factor.reset')}
      done={t('people.factor.done', { name })}
      act={() => resetFactor(name)}
      onClose={onClose}
    >
      <Text size="sm">{t('people.factor.text')}</Text>
    </AskFrame>
  )
}

function RemoveDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const { t } = useTranslation()
  return (
    <TypedFrame
      title={t('people.remove.title', { name })}
      submit={t('people.remove')}
      done={t('people.remove.done', { name })}
      act={() => removePerson(name)}
      word={name}
      onClose={onClose}
    >
      <Text size="sm">{t('people.remove.text')}</Text>
    </TypedFrame>
  )
}

function PasswordField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation()
  return (
    <PasswordInput
      label={t('people.password')}
      description={t('people.password.rule')}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      autoComplete="new-password"
      visibilityToggleButtonProps={{ 'aria-label': t('signin.show'), tabIndex: 0 }}
    />
  )
}

/** Empty: one is made up. */
function isGood(password: string): boolean {
  return password === '' || password.length >= SHORTEST
}

import { NumberInput, PasswordInput, Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../api/client.ts'
import { changePassword, queries } from '../api/session.ts'
import { AskFrame } from './AskFrame.tsx'
import type { Ask } from './dialogs.tsx'
import { SecondFactorDialog } from './SecondFactorDialog.tsx'
import WorkDialog from './WorkDialogs.tsx'

const SHORTEST = 8
const MOST_WORKERS = 16

export default function OpenedDialog({ ask, onClose }: { ask: Ask; onClose: () => void }) {
  switch (ask.kind) {
    case 'password':
      return <PasswordDialog onClose={onClose} />
    case 'second-factor':
      return <SecondFactorDialog onClose={onClose} />
    case 'restart':
      return <RestartDialog part={ask.part} onClose={onClose} />
    case 'workers':
      return <WorkersDialog onClose={onClose} />
    case 'remove-machine':
      return <RemoveMachineDialog name={ask.name} onClose={onClose} />
    default:
      return <WorkDialog ask={ask} onClose={onClose} />
  }
}

function PasswordDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const [current, setCurrent] = useState('')
  const [fresh, setFresh] = useState('')
  const [again, setAgain] = useState('')
  const isSame = fresh === again
  return (
    <AskFrame
      title={t('password.title')}
      submit={t('password.set')}
      done={t('password.done')}
      act={() => changePassword(current, fresh)}
      ready={current !== '' && fresh.length >= SHORTEST && isSame}
      onClose={onClose}
    >
      <PasswordInput
        label={t('password.current')}
        value={current}
        onChange={(event) => setCurrent(event.currentTarget.value)}
        autoComplete="current-password"
        data-autofocus
        visibilityToggleButtonProps={{ 'aria-label': t('signin.show'), tabIndex: 0 }}
      />
      <PasswordInput
        label={t('password.new')}
        description={t('password.rule', { count: SHORTEST })}
        value={fresh}
        onChange={(event) => setFresh(event.currentTarget.value)}
        autoComplete="new-password"
        visibilityToggleButtonProps={{ 'aria-label': t('signin.show'), tabIndex: 0 }}
      />
      <PasswordInput
        label={t('password.again')}
        value={again}
        onChange={(event) => setAgain(event.currentTarget.value)}
        error={again !== '' && !isSame ? t('password.differs') : null}
        autoComplete="new-password"
        visibilityToggleButtonProps={{ 'aria-label': t('signin.show'), tabIndex: 0 }}
      />
    </AskFrame>
  )
}

function RestartDialog({ part, onClose }: { part: string; onClose: () => void }) {
  const { t } = useTranslation()
  return (
    <AskFrame
      title={t('restart.title', { part })}
      submit={t('restart.do')}
      done={t('restart.done', { part })}
      act={() => sent(api.POST('/api/v1/system/parts/{name}/restart', { params: { path: { name: part } } }))}
      onClose={onClose}
    >
      <Text size="sm">{t('restart.text')}</Text>
    </AskFrame>
  )
}

/** What it destroys is named by typing it. */
function RemoveMachineDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const { t } = useTranslation()
  const [typed, setTyped] = useState('')
  const remove = async () => {
    await sent(api.DELETE('/api/v1/machines/{name}', { params: { path: { name } } }))
    await queries.invalidateQueries({ queryKey: ['machines'] })
  }
  return (
    <AskFrame
      title={t('machine.remove.title', { name })}
      submit={t('machine.remove')}
      done={t('machine.remove.done', { name })}
      act={remove}
      ready={typed === name}
      onClose={onClose}
    >
      <Text size="sm">{t('machine.remove.text')}</Text>
      <TextInput
        label={t('machine.remove.type', { name })}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        autoComplete="off"
        data-autofocus
      />
    </AskFrame>
  )
}

function WorkersDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const [count, setCount] = useState<number | string>(1)
  return (
    <AskFrame
      title={t('workers.add.title')}
      submit={t('workers.add.do')}
      done={t('workers.add.done')}
      act={() => sent(api.POST('/api/v1/workers', { body: { count: Number(count) } }))}
      ready={Number.isInteger(Number(count)) && Number(count) >= 1}
      onClose={onClose}
    >
      <Text size="sm">{t('workers.add.text')}</Text>
      <NumberInput
        label={t('workers.add.count')}
        value={count}
        onChange={setCount}
        min={1}
        max={MOST_WORKERS}
        allowDecimal={false}
        data-autofocus
      />
    </AskFrame>
  )
}

import { Button, Group, Modal, NumberInput, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../api/client.ts'
import { changePassword, queries } from '../api/session.ts'
import { Failure } from '../ui/Failure.tsx'
import { useSay } from '../ui/notices.tsx'
import type { Ask } from './dialogs.tsx'

const SHORTEST = 8
const MOST_WORKERS = 16

export default function OpenedDialog({ ask, onClose }: { ask: Ask; onClose: () => void }) {
  switch (ask.kind) {
    case 'password':
      return <PasswordDialog onClose={onClose} />
    case 'restart':
      return <RestartDialog part={ask.part} onClose={onClose} />
    case 'workers':
      return <WorkersDialog onClose={onClose} />
    case 'remove-machine':
      return <RemoveMachineDialog name={ask.name} onClose={onClose} />
  }
}

interface FrameProps {
  title: string
  submit: string
  /** Words of the notice once it is done. */
  done: string
  act: () => Promise<unknown>
  ready?: boolean
  onClose: () => void
  children: ReactNode
}

/** A form in a dialog: sends, shows what failed, closes and says so when done. */
function AskFrame({ title, submit, done, act, ready = true, onClose, children }: FrameProps) {
  const { t } = useTranslation()
  const say = useSay()
  const acting = useMutation({
    mutationFn: act,
    onSuccess: () => {
      say(done)
      onClose()
    },
  })
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    if (ready && !acting.isPending) acting.mutate()
  }
  return (
    <Modal
      opened
      onClose={onClose}
      title={<strong>{title}</strong>}
      closeButtonProps={{ 'aria-label': t('action.close') }}
    >
      <form onSubmit={onSubmit}>
        <Stack gap="md">
          {acting.error ? <Failure error={acting.error} /> : null}
          {children}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {t('action.cancel')}
            </Button>
            <Button type="submit" loading={acting.isPending} disabled={!ready}>
              {submit}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
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

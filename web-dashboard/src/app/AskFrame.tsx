import { Button, Group, Modal, Stack, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { FieldProblems } from '../ui/FieldProblems.tsx'
import { useSay } from '../ui/notices.tsx'

interface FrameProps {
  title: string
  submit: string
  /** Words of the notice once it is done. */
  done: string
  act: () => Promise<unknown>
  /** What comes then, in place of the notice and of closing. */
  next?: () => void
  ready?: boolean
  onClose: () => void
  children: ReactNode
}

/** A form in a dialog: sends, shows what failed, closes and says so when done. */
export function AskFrame({ title, submit, done, act, next, ready = true, onClose, children }: FrameProps) {
  const { t } = useTranslation()
  const say = useSay()
  const acting = useMutation({
    mutationFn: act,
    onSuccess: () => {
      if (next) return next()
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
          {acting.error ? <FieldProblems error={acting.error} /> : null}
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

interface TypedProps extends Omit<FrameProps, 'ready' | 'children'> {
  /** What has to be typed. */
  word: string
  children: ReactNode
}

/** What it destroys is named by typing it. */
export function TypedFrame({ word, children, ...frame }: TypedProps) {
  const { t } = useTranslation()
  const [typed, setTyped] = useState('')
  return (
    <AskFrame {...frame} ready={typed.trim() === word}>
      {children}
      <TextInput
        label={t('ask.type', { word })}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        autoComplete="off"
        spellCheck={false}
        data-autofocus
      />
    </AskFrame>
  )
}

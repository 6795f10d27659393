import { ActionIcon, Textarea } from '@mantine/core'
import { type KeyboardEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Icon } from '../../ui/icons.tsx'
import css from './chat.module.css'

interface ComposerProps {
  isAnswering: boolean
  canSend: boolean
  model: string
  onSend: (text: string) => void
  onStop: () => void
}

/** Enter sends, Shift-Enter begins a new line. */
export function Composer({ isAnswering, canSend, model, onSend, onStop }: ComposerProps) {
  const { t } = useTranslation()
  const [text, setText] = useState('')
  const isReady = canSend && !isAnswering && text.trim() !== ''
  const send = () => {
    if (!isReady) return
    onSend(text.trim())
    setText('')
  }
  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes a character, Enter is its own.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    send()
  }
  return (
    <form
      className={css.composer}
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <Textarea
        className={css.composerInput}
        classNames={{ input: css.composerText ?? '' }}
        aria-label={t('chat.message')}
        placeholder={canSend ? t('chat.message.to', { model }) : t('chat.model.none')}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
        autosize
        minRows={1}
        maxRows={8}
        variant="unstyled"
      />
      {isAnswering ? (
        <ActionIcon size={38} radius={10} variant="filled" aria-label={t('chat.stop')} onClick={onStop}>
          <Icon name="stop" size={20} />
        </ActionIcon>
      ) : (
        <ActionIcon
          type="submit"
          size={38}
          radius={10}
          variant="filled"
          aria-label={t('chat.send')}
          disabled={!isReady}
        >
          <Icon name="send" size={20} />
        </ActionIcon>
      )}
    </form>
  )
}

import { Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { TypedFrame } from '../../app/AskFrame.tsx'
import { removeBackup } from './backups.ts'

interface Props {
  name: string
  /** No other one is known to give back what went in. */
  isLastProven: boolean
  onClose: () => void
}

/** What is gone for good is named by typing it. */
export function RemoveBackup({ name, isLastProven, onClose }: Props) {
  const { t } = useTranslation()
  return (
    <TypedFrame
      title={t('backups.remove.title')}
      submit={t('backups.remove')}
      done={t('backups.remove.done', { name })}
      act={() => removeBackup(name)}
      word={name}
      onClose={onClose}
    >
      <Text size="sm">{t(isLastProven ? 'backups.remove.last' : 'backups.remove.text')}</Text>
    </TypedFrame>
  )
}

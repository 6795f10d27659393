import { Button, CopyButton } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Icon } from './icons.tsx'

/** A button that copies a text and says so. `label`: what it is called, where "copy" does not tell enough. */
export function CopyText({ value, label }: { value: string; label?: string }) {
  const { t } = useTranslation()
  return (
    <CopyButton value={value}>
      {({ copied, copy }) => (
        <Button
          size="compact-sm"
          variant="default"
          onClick={copy}
          leftSection={<Icon name="copy" size={14} />}
        >
          {copied ? t('chat.copied') : (label ?? t('action.copy'))}
        </Button>
      )}
    </CopyButton>
  )
}

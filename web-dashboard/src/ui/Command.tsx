import { Button, CopyButton } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Icon } from './icons.tsx'
import css from './ui.module.css'

/** A command to type elsewhere, and a button that copies it. */
export function Command({ value }: { value: string }) {
  const { t } = useTranslation()
  return (
    <>
      <code className={css.command}>{value}</code>
      <CopyButton value={value}>
        {({ copied, copy }) => (
          <Button
            size="compact-sm"
            variant="default"
            onClick={copy}
            leftSection={<Icon name="copy" size={14} />}
          >
            {copied ? t('chat.copied') : t('action.copy')}
          </Button>
        )}
      </CopyButton>
    </>
  )
}

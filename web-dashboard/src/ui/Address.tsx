import { ActionIcon, CopyButton, Tooltip } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Icon } from './icons.tsx'
import { useSay } from './notices.tsx'
import css from './ui.module.css'

/** An entry of a list of addresses to give to other programs, with a button that copies it. */
export function Address({ label, value }: { label: string; value: string }) {
  const { t } = useTranslation()
  const say = useSay()
  return (
    <li>
      <span className={css.addressLabel}>{label}</span>
      <span className={css.address}>
        <code className="mono">{value}</code>
        <CopyButton value={value}>
          {({ copy }) => (
            <Tooltip label={t('action.copy')}>
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={t('connect.copy', { label })}
                onClick={() => {
                  copy()
                  say(t('connect.copied', { label }))
                }}
              >
                <Icon name="copy" size={16} />
              </ActionIcon>
            </Tooltip>
          )}
        </CopyButton>
      </span>
    </li>
  )
}

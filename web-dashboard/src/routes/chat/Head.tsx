import { Button, SegmentedControl } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { Icon } from '../../ui/icons.tsx'
import css from './chat.module.css'

interface Props {
  view: 'one' | 'beside'
  /** Whether the settings are open where they have no room of their own. */
  isOpen: boolean
  onOpen: (isOpen: boolean) => void
  onClear: () => void
  isEmpty: boolean
}

/** Title of the page, the way between one model and several, and what can be done. */
export function Head({ view, isOpen, onOpen, onClear, isEmpty }: Props) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  return (
    <header className={css.head}>
      <h1 className={css.title}>{t('nav.chat')}</h1>
      <SegmentedControl<Props['view']>
        size="xs"
        value={view}
        onChange={(fresh) =>
          void navigate({ to: '/chat', search: fresh === 'beside' ? { view: 'beside' } : {} })
        }
        aria-label={t('chat.view')}
        data={[
          { value: 'one', label: t('chat.view.one') },
          { value: 'beside', label: t('chat.view.beside') },
        ]}
      />
      <div className={css.headEnd}>
        <Button
          size="compact-sm"
          variant="default"
          className={css.settingsToggle}
          leftSection={<Icon name="sliders" size={15} />}
          aria-expanded={isOpen}
          aria-controls="chat-settings"
          onClick={() => onOpen(!isOpen)}
        >
          {t('chat.settings')}
        </Button>
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<Icon name="trash" size={15} />}
          disabled={isEmpty}
          onClick={onClear}
        >
          {t('chat.clear')}
        </Button>
      </div>
    </header>
  )
}

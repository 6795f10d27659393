import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import css from './chat.module.css'
import { Head } from './Head.tsx'

interface Props {
  view: 'one' | 'beside'
  onClear: () => void
  isEmpty: boolean
  settings: ReactNode
  /** What was said, and where the next question is written. */
  children: ReactNode
}

/** The page of one chat or of several: its head, the settings beside it, and the talk. */
export function Frame({ view, onClear, isEmpty, settings, children }: Props) {
  const { t } = useTranslation()
  const [isOpen, setOpen] = useState(false)
  return (
    <div className={css.page}>
      <Head view={view} isOpen={isOpen} onOpen={setOpen} onClear={onClear} isEmpty={isEmpty} />
      <aside
        id="chat-settings"
        className={css.settings}
        data-open={isOpen || undefined}
        aria-label={t('chat.settings')}
      >
        {settings}
      </aside>
      <div className={css.talk}>{children}</div>
    </div>
  )
}

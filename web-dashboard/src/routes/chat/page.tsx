import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState, useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import { useOverview } from '../../api/useLive.ts'
import { useTitle } from '../../app/useTitle.ts'
import { chatOf } from '../../chat/store.ts'
import { Icon } from '../../ui/icons.tsx'
import { Empty } from '../../ui/Panel.tsx'
import { Composer } from './Composer.tsx'
import { Conversation } from './Conversation.tsx'
import css from './chat.module.css'
import { chatModels, chosenModel } from './models.ts'
import { SettingsForm } from './SettingsForm.tsx'

export function ChatPage() {
  const { t } = useTranslation()
  useTitle(t('nav.chat'))
  const { data: me } = useQuery(meQuery)
  if (!me) return null
  if (!reaches(me.user.role, 'user')) {
    return (
      <>
        <h1 className={css.title}>{t('nav.chat')}</h1>
        <Empty title={t('chat.forbidden')}>{t('chat.forbidden.hint')}</Empty>
      </>
    )
  }
  return <Playground owner={me.user.id} />
}

function Playground({ owner }: { owner: string }) {
  const { t } = useTranslation()
  const store = chatOf(owner)
  const state = useSyncExternalStore(store.subscribe, store.snapshot)
  const [isOpen, setOpen] = useState(false)
  const overview = useOverview()
  const models = chatModels(overview)
  const model = chosenModel(models, state.settings.model)
  const send = (text: string) => {
    // What is shown as chosen is what is asked, also when nobody ever touched the list.
    if (model !== state.settings.model) store.set({ model })
    void store.send(text)
  }
  return (
    <div className={css.page}>
      <header className={css.head}>
        <h1 className={css.title}>{t('nav.chat')}</h1>
        <div className={css.headEnd}>
          <Button
            size="compact-sm"
            variant="default"
            className={css.settingsToggle}
            leftSection={<Icon name="sliders" size={15} />}
            aria-expanded={isOpen}
            aria-controls="chat-settings"
            onClick={() => setOpen(!isOpen)}
          >
            {t('chat.settings')}
          </Button>
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<Icon name="trash" size={15} />}
            disabled={state.turns.length === 0}
            onClick={() => store.clear()}
          >
            {t('chat.clear')}
          </Button>
        </div>
      </header>
      <aside
        id="chat-settings"
        className={css.settings}
        data-open={isOpen || undefined}
        aria-label={t('chat.settings')}
      >
        <SettingsForm
          settings={state.settings}
          model={model}
          models={models}
          onChange={(change) => store.set(change)}
        />
      </aside>
      <div className={css.talk}>
        <Conversation
          state={state}
          isWaiting={overview === null}
          hasModels={models.length > 0}
          onAsk={send}
          onAgain={() => void store.again()}
        />
        <Composer
          isAnswering={state.isAnswering}
          canSend={model !== ''}
          model={model}
          onSend={send}
          onStop={() => store.stop()}
        />
      </div>
    </div>
  )
}

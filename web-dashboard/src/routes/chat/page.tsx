import { useQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import { useOverview } from '../../api/useLive.ts'
import { useTitle } from '../../app/useTitle.ts'
import { chatOf } from '../../chat/store.ts'
import { Empty } from '../../ui/Panel.tsx'
import { Composer } from './Composer.tsx'
import { Conversation } from './Conversation.tsx'
import css from './chat.module.css'
import { Frame } from './Frame.tsx'
import { chatModels, chosenModel } from './models.ts'
import { SettingsForm } from './SettingsForm.tsx'

/** Loaded when first asked for. */
const Beside = lazy(() => import('./Beside.tsx'))

export function ChatPage() {
  const { t } = useTranslation()
  useTitle(t('nav.chat'))
  const { data: me } = useQuery(meQuery)
  const { view } = useSearch({ strict: false }) as { view?: 'beside' }
  if (!me) return null
  if (!reaches(me.user.role, 'user')) {
    return (
      <>
        <h1 className={css.title}>{t('nav.chat')}</h1>
        <Empty title={t('chat.forbidden')}>{t('chat.forbidden.hint')}</Empty>
      </>
    )
  }
  return view === 'beside' ? (
    <Suspense fallback={null}>
      <Beside owner={me.user.id} />
    </Suspense>
  ) : (
    <Playground owner={me.user.id} />
  )
}

function Playground({ owner }: { owner: string }) {
  const store = chatOf(owner)
  const state = useSyncExternalStore(store.subscribe, store.snapshot)
  const overview = useOverview()
  const models = chatModels(overview)
  const model = chosenModel(models, state.settings.model)
  const send = (text: string) => {
    // What is shown as chosen is what is asked, also when nobody ever touched the list.
    if (model !== state.settings.model) store.set({ model })
    void store.send(text)
  }
  return (
    <Frame
      view="one"
      onClear={() => store.clear()}
      isEmpty={state.turns.length === 0}
      settings={
        <SettingsForm
          settings={state.settings}
          model={model}
          models={models}
          onChange={(change) => store.set(change)}
        />
      }
    >
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
    </Frame>
  )
}

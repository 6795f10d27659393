import { MultiSelect, Switch } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import { useOverview } from '../../api/useLive.ts'
import { besideOf, chosenOf, LEAST, MOST } from '../../chat/beside.ts'
import { chatOf } from '../../chat/store.ts'
import ui from '../../ui/ui.module.css'
import { Composer } from './Composer.tsx'
import css from './chat.module.css'
import { Frame } from './Frame.tsx'
import { chatModels } from './models.ts'
import { Rounds } from './Rounds.tsx'
import { SettingsForm } from './SettingsForm.tsx'

/** Two to four models answer the same: what each says, how soon, how fast, on which node and why there. */
export default function Beside({ owner }: { owner: string }) {
  const { t } = useTranslation()
  const store = besideOf(owner)
  const state = useSyncExternalStore(store.subscribe, store.snapshot)
  const chat = chatOf(owner)
  const { settings } = useSyncExternalStore(chat.subscribe, chat.snapshot)
  const overview = useOverview()
  const there = chatModels(overview).map(({ name }) => name)
  const models = chosenOf(state.models, there)
  const isReady = models.length >= LEAST
  const send = (text: string) => void store.send(text, models, settings)
  return (
    <Frame
      view="beside"
      onClear={() => store.clear()}
      isEmpty={state.rounds.length === 0}
      settings={
        <SettingsForm
          settings={settings}
          model=""
          models={[]}
          onChange={(change) => chat.set(change)}
          chooser={
            <>
              <MultiSelect
                label={t('chat.beside.models')}
                description={t('chat.beside.models.hint')}
                inputWrapperOrder={['label', 'input', 'description', 'error']}
                data={there}
                value={[...models]}
                onChange={(chosen) => store.choose(chosen)}
                maxValues={MOST}
                searchable={there.length > 8}
                disabled={there.length < LEAST}
                clearable={false}
              />
              <div className={css.switched}>
                <Switch
                  label={t('chat.beside.in_turn')}
                  aria-describedby="in-turn-hint"
                  checked={state.inTurn}
                  onChange={(event) => store.takeTurns(event.currentTarget.checked)}
                />
                <p id="in-turn-hint" className={ui.note}>
                  {t('chat.beside.in_turn.hint')}
                </p>
              </div>
            </>
          }
        />
      }
    >
      {state.rounds.length > 0 ? (
        <Rounds state={state} onAgain={(model) => void store.again(model, settings)} />
      ) : (
        <div className={css.opening}>
          <h2>
            {overview === null ? t('chat.waiting') : t(isReady ? 'chat.beside.empty' : 'chat.beside.short')}
          </h2>
          {isReady ? <p>{t('chat.beside.empty.hint')}</p> : null}
          {isReady || overview === null ? null : (
            <p>
              {t('chat.beside.short.hint')}{' '}
              <Link to="/models" className={ui.link}>
                {t('models.title')}
              </Link>
            </p>
          )}
        </div>
      )}
      <Composer
        isAnswering={state.pending.size > 0}
        canSend={isReady}
        model={models.join(', ')}
        onSend={send}
        onStop={() => store.stop()}
      />
    </Frame>
  )
}

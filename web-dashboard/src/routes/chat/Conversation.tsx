import { Button } from '@mantine/core'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import type { ChatState } from '../../chat/store.ts'
import css from './chat.module.css'
import { TurnView } from './TurnView.tsx'

interface ConversationProps {
  state: ChatState
  /** No picture of the cluster yet: nobody knows whether there are models. */
  isWaiting: boolean
  hasModels: boolean
  onAsk: (text: string) => void
  onAgain: () => void
}

/** How near to the end somebody must be to be carried along, in pixels. */
const NEAR = 120

export function Conversation({ state, isWaiting, hasModels, onAsk, onAgain }: ConversationProps) {
  const { t } = useTranslation()
  const { turns, isAnswering } = state
  const end = useRef<HTMLDivElement>(null)
  const last = turns.at(-1)
  // biome-ignore lint/correctness/useExhaustiveDependencies: follows the answer as it grows
  useEffect(() => {
    const marker = end.current
    if (!marker || turns.length === 0) return
    const isNear = marker.getBoundingClientRect().top - window.innerHeight < NEAR + 200
    if (isNear) marker.scrollIntoView({ block: 'end' })
  }, [turns.length, last?.text.length, isAnswering])
  return (
    <div className={css.turns}>
      {turns.length === 0 ? (
        <Opening isWaiting={isWaiting} hasModels={hasModels} onAsk={onAsk} />
      ) : (
        turns.map((turn, index) => (
          <TurnView
            key={turn.id}
            turn={turn}
            isGrowing={isAnswering && index === turns.length - 1}
            onAgain={index === turns.length - 1 && turn.failure ? onAgain : undefined}
          />
        ))
      )}
      <div ref={end} className={css.end} />
      <div className="visually-hidden" role="status">
        {isAnswering ? t('chat.answering') : last?.role === 'assistant' ? t('chat.answered') : ''}
      </div>
    </div>
  )
}

interface OpeningProps {
  isWaiting: boolean
  hasModels: boolean
  onAsk: (text: string) => void
}

function Opening({ isWaiting, hasModels, onAsk }: OpeningProps) {
  const { t } = useTranslation()
  if (!hasModels) {
    return (
      <div className={css.opening}>
        <h2>{isWaiting ? t('chat.waiting') : t('chat.no_models')}</h2>
        {isWaiting ? null : <p>{t('chat.no_models.hint')}</p>}
      </div>
    )
  }
  const questions = [t('chat.try.capital'), t('chat.try.haiku'), t('chat.try.explain')]
  return (
    <div className={css.opening}>
      <h2>{t('chat.empty')}</h2>
      <p>{t('chat.empty.hint')}</p>
      <div className={css.tries}>
        {questions.map((question) => (
          <Button key={question} variant="default" radius={99} size="sm" onClick={() => onAsk(question)}>
            {question}
          </Button>
        ))}
      </div>
    </div>
  )
}

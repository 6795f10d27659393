import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { type BesideState, bestOf, type Round } from '../../chat/beside.ts'
import { Icon } from '../../ui/icons.tsx'
import css from './chat.module.css'
import { TurnView } from './TurnView.tsx'

interface RoundsProps {
  state: BesideState
  /** Asks one model the last question again. */
  onAgain: (model: string) => void
}

/** Each question with its answers beside each other. */
export function Rounds({ state, onAgain }: RoundsProps) {
  const { t } = useTranslation()
  const { rounds, pending } = state
  const last = rounds.at(-1)
  const end = useRef<HTMLDivElement>(null)
  // Each new question is brought into sight.
  useEffect(() => {
    if (rounds.length > 0) end.current?.scrollIntoView({ block: 'end' })
  }, [rounds.length])
  return (
    <div className={css.rounds}>
      {rounds.map((round) => (
        <OneRound
          key={round.id}
          round={round}
          pending={round === last ? pending : NOBODY}
          onAgain={round === last && pending.size === 0 ? onAgain : undefined}
        />
      ))}
      <div ref={end} className={css.end} />
      <div className="visually-hidden" role="status">
        {pending.size > 0
          ? t('chat.beside.waiting', { count: pending.size })
          : rounds.length > 0
            ? t('chat.beside.answered')
            : ''}
      </div>
    </div>
  )
}

const NOBODY: ReadonlySet<string> = new Set()

interface OneRoundProps {
  round: Round
  pending: ReadonlySet<string>
  onAgain: RoundsProps['onAgain'] | undefined
}

function OneRound({ round, pending, onAgain }: OneRoundProps) {
  const { t } = useTranslation()
  const best = bestOf(round)
  const [active] = pending
  const waits = (model: string) => round.inTurn && pending.has(model) && model !== active
  return (
    <section className={css.round}>
      <article className={css.question} aria-label={t('chat.you')}>
        {round.question}
      </article>
      <div className={css.lanes}>
        {Object.entries(round.answers).map(([model, turn]) => (
          <div key={model} className={css.lane}>
            <p className={css.laneHead}>
              <strong>{model}</strong>
              {best.first === model ? <Mark word={t('chat.beside.first')} /> : null}
              {best.fastest === model ? <Mark word={t('chat.beside.fastest')} /> : null}
            </p>
            {waits(model) ? (
              <p className={css.wait}>{t('chat.beside.its_turn')}</p>
            ) : (
              <TurnView
                turn={turn}
                isGrowing={pending.has(model)}
                onAgain={onAgain && (() => onAgain(model))}
              />
            )}
          </div>
        ))}
      </div>
    </section>
  )
}

function Mark({ word }: { word: string }) {
  return (
    <span className={css.mark} data-tone="ok">
      <Icon name="bolt" size={13} />
      {word}
    </span>
  )
}

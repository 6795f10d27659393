import { ActionIcon, Button, CopyButton, Loader, Tooltip } from '@mantine/core'
import { lazy, memo, Suspense, useDeferredValue } from 'react'
import { useTranslation } from 'react-i18next'
import type { Turn } from '../../chat/store.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Icon } from '../../ui/icons.tsx'
import css from './chat.module.css'

const Markdown = lazy(() => import('./Markdown.tsx'))

interface TurnProps {
  turn: Turn
  isGrowing: boolean
  onAgain: (() => void) | undefined
}

export const TurnView = memo(function TurnView({ turn, isGrowing, onAgain }: TurnProps) {
  const { t } = useTranslation()
  const text = useDeferredValue(turn.text)
  if (turn.role === 'user') {
    return (
      <article className={css.question} aria-label={t('chat.you')}>
        {turn.text}
      </article>
    )
  }
  return (
    <article className={css.answer} aria-label={turn.model ?? t('chat.answer')} aria-busy={isGrowing}>
      {turn.thinking ? (
        <details className={css.thinking}>
          <summary>{t('chat.thinking')}</summary>
          <p>{turn.thinking}</p>
        </details>
      ) : null}
      {text ? (
        <Suspense fallback={<div className={css.plain}>{text}</div>}>
          <Markdown text={text} />
        </Suspense>
      ) : null}
      {isGrowing && !turn.text ? (
        <p className={css.wait}>
          <Loader size={14} type="dots" aria-hidden="true" />
          {turn.node ? t('chat.loading.on', { node: turn.node }) : t('chat.loading')}
        </p>
      ) : null}
      {turn.stopped ? <p className={css.note}>{t('chat.stopped')}</p> : null}
      {turn.failure ? <Failed failure={turn.failure} hasText={turn.text !== ''} onAgain={onAgain} /> : null}
      {isGrowing ? null : <Footer turn={turn} />}
    </article>
  )
})

interface FailedProps {
  failure: NonNullable<Turn['failure']>
  hasText: boolean
  onAgain: (() => void) | undefined
}

function Failed({ failure, hasText, onAgain }: FailedProps) {
  const { t } = useTranslation()
  const title =
    failure.code === 'network' ? t('error.network') : hasText ? t('chat.failed.midway') : t('chat.failed')
  return (
    <div className={css.failed} data-tone="bad" role="alert">
      <Icon name="warning" />
      <div>
        <strong>{title}</strong>
        {failure.detail ? <p lang="en">{failure.detail}</p> : null}
        {failure.hint ? <p lang="en">{failure.hint}</p> : null}
      </div>
      {onAgain ? (
        <Button size="compact-sm" variant="default" onClick={onAgain}>
          {t('action.try_again')}
        </Button>
      ) : null}
    </div>
  )
}

/** Who answered, why there, and how fast. */
function Footer({ turn }: { turn: Turn }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { stats, ttft } = turn
  return (
    <footer className={css.footer}>
      {turn.node ? (
        <span className={css.servedBy}>
          <Icon name="node" size={14} />
          {turn.node}
        </span>
      ) : null}
      {turn.why ? (
        <span>
          {t('chat.why')} <span lang="en">{turn.why}</span>
        </span>
      ) : null}
      {ttft === undefined ? null : (
        <Tooltip label={t('chat.ttft.long')}>
          <span>{t('chat.ttft', { time: format.duration(ttft) })}</span>
        </Tooltip>
      )}
      {stats?.tokensPerSecond ? (
        <span>{t('chat.speed', { speed: format.number(stats.tokensPerSecond) })}</span>
      ) : null}
      {stats ? <span>{t('chat.tokens', { count: stats.outputTokens })}</span> : null}
      {(turn.attempts ?? 1) > 1 ? <span>{t('chat.attempts', { count: turn.attempts ?? 1 })}</span> : null}
      {stats?.reason === 'length' ? <span>{t('chat.length')}</span> : null}
      {turn.text ? <Copy text={turn.text} /> : null}
    </footer>
  )
}

function Copy({ text }: { text: string }) {
  const { t } = useTranslation()
  return (
    <CopyButton value={text}>
      {({ copied, copy }) => (
        <ActionIcon
          size={26}
          variant="subtle"
          color="gray"
          aria-label={copied ? t('chat.copied') : t('chat.copy')}
          onClick={copy}
        >
          <Icon name={copied ? 'check' : 'copy'} size={15} />
        </ActionIcon>
      )}
    </CopyButton>
  )
}

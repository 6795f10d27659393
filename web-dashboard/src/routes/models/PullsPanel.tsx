import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Pull, PullPart } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Ago } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { Meter } from '../../ui/Meter.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { useActs } from './acts.tsx'
import { changePull, forgetPull } from './deeds.ts'
import css from './models.module.css'
import { amount, amountOf, isOpen, PULL, pullsQuery } from './models.ts'

/** Ended ones beside those on their way; the rest come when asked for. */
const ENDED = 3

/** Models on their way to machines, and the last that came. */
export function PullsPanel() {
  const { t } = useTranslation()
  const pulls = useQuery(pullsQuery)
  const [all, setAll] = useState(false)
  return (
    <Panel id="pulls" icon="download" title={t('models.pulls')} note={t('models.pulls.note')} flush>
      <Asked query={pulls}>
        {(found) => {
          const open = found.filter(isOpen)
          const ended = found.filter((pull) => !isOpen(pull))
          const shown = [...open, ...(all ? ended : ended.slice(0, ENDED))]
          if (shown.length === 0)
            return <Empty title={t('models.pulls.none')}>{t('models.pulls.none.hint')}</Empty>
          return (
            <>
              <ul className={`${css.pulls} ${ui.pad}`}>
                {shown.map((pull) => (
                  <PullRow key={pull.id} pull={pull} />
                ))}
              </ul>
              {shown.length < found.length ? (
                <div className={ui.more}>
                  <Button size="compact-sm" variant="default" onClick={() => setAll(true)}>
                    {t('models.pulls.all', { count: found.length - shown.length })}
                  </Button>
                </div>
              ) : null}
            </>
          )
        }}
      </Asked>
    </Panel>
  )
}

function PullRow({ pull }: { pull: Pull }) {
  const { t } = useTranslation()
  return (
    <li className={css.pull} aria-label={pull.model}>
      <div className={css.head}>
        <strong>{pull.model}</strong>
        <StateTag look={PULL[pull.state]} />
        <Figure {...amountOf(pull)} />
        <PullActs pull={pull} />
      </div>
      <p className={ui.note}>
        {pull.by ? `${t('models.pull.by', { name: pull.by })} · ` : ''}
        <Ago at={isOpen(pull) ? pull.created_at : pull.changed_at} />
      </p>
      <ul className={css.parts}>
        {pull.parts.map((part) => (
          <Part key={part.node} part={part} pull={pull} />
        ))}
      </ul>
    </li>
  )
}

function Figure({ done, total }: { done: number; total: number }) {
  const { t } = useTranslation()
  const format = useFormat()
  if (total === 0) return null
  return <span>{t('memory.of', { used: format.bytes(done), total: format.bytes(total) })}</span>
}

const TONE = { done: 'ok', failed: 'bad', paused: 'warn', cancelled: 'idle' } as const

function Part({ part, pull }: { part: PullPart; pull: Pull }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { done, total } = amount(part, pull.size)
  const share = total > 0 ? done / total : 0
  const percent = format.percent(Math.floor(share * 100))
  const tone = TONE[part.state as keyof typeof TONE] ?? 'busy'
  const source =
    part.source === 'node'
      ? t('models.pull.from_node', { node: part.from_node })
      : part.source === 'library'
        ? t('models.pull.from_library')
        : ''
  return (
    <li className={css.part}>
      <span>
        <strong>{part.node}</strong>
        {source ? <span className={ui.note}> {source}</span> : null}
      </span>
      <Meter
        share={share}
        label={t('models.pull.progress', { model: pull.model, node: part.node })}
        text={percent}
        tone={tone}
      />
      <span>
        {part.state === 'running' && total > 0 ? percent : <StateTag look={PULL[part.state]} plain />}
      </span>
      {part.error ? (
        <p className={ui.note} lang="en">
          {part.error}
        </p>
      ) : null}
    </li>
  )
}

function PullActs({ pull }: { pull: Pull }) {
  const { t } = useTranslation()
  const { may, isPending, run, ask } = useActs()
  if (!may) return null
  const { model, state, id: pullId } = pull
  const act = (deed: () => Promise<void>) => async () => {
    await deed()
    return []
  }
  const button = (word: string, onClick: () => void) => (
    <Button
      size="compact-sm"
      variant="default"
      disabled={isPending}
      onClick={onClick}
      aria-label={`${word}: ${model}`}
    >
      {word}
    </Button>
  )
  const names = { model }
  return (
    <div className={css.acts}>
      {state === 'queued' || state === 'running'
        ? button(t('models.pull.pause'), () =>
            run(
              act(() => changePull(pullId, 'pause')),
              t('models.pull.paused_now', names),
            ),
          )
        : null}
      {state === 'paused' || state === 'failed' || state === 'cancelled'
        ? button(t('models.pull.resume'), () =>
            run(
              act(() => changePull(pullId, 'resume')),
              t('models.pull.resumed', names),
            ),
          )
        : null}
      {isOpen(pull)
        ? button(t('models.pull.cancel'), () => ask({ kind: 'cancel', pullId, model, nodes: [] }))
        : button(t('models.pull.forget'), () =>
            run(
              act(() => forgetPull(pullId)),
              t('models.pull.forgotten', names),
            ),
          )}
    </div>
  )
}

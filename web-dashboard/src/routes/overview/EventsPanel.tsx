import { useTranslation } from 'react-i18next'
import type { ClusterEvent } from '../../api/types.ts'
import { useLive } from '../../api/useLive.ts'
import type { Key } from '../../i18n/index.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { type Look, NODE, PART } from '../../ui/states.ts'
import ui from '../../ui/ui.module.css'
import { troubleOf } from './health.ts'
import css from './overview.module.css'

const SHOWN = 12

const KINDS: Record<string, Key> = {
  'node.state': 'events.node',
  'part.state': 'events.part',
  'worker.state': 'events.worker',
  'model.nodes': 'events.model',
}

const STATES: Record<string, Record<string, Look>> = { 'node.state': NODE, 'part.state': PART }

/** What changed since this page was opened. */
export function EventsPanel() {
  const { t } = useTranslation()
  const events = useLive((state) => state.events)
  return (
    <Panel id="events" icon="bell" title={t('events.title')}>
      {events.length === 0 ? (
        <div className={ui.outdent}>
          <Empty title={t('events.none')}>{t('events.none.hint')}</Empty>
        </div>
      ) : (
        <ol className={css.events}>
          {events.slice(0, SHOWN).map((event) => (
            <Line key={`${event.at} ${event.kind} ${event.subject} ${event.after}`} event={event} />
          ))}
        </ol>
      )}
    </Panel>
  )
}

function Line({ event }: { event: ClusterEvent }) {
  const format = useFormat()
  return (
    <li>
      <time dateTime={new Date(event.at * 1000).toISOString()}>{format.time(event.at)}</time>
      <EventWords event={event} />
    </li>
  )
}

/** What happened, in words. */
export function EventWords({ event }: { event: ClusterEvent }) {
  return event.kind === 'problem' ? <ProblemWords event={event} /> : <ChangeWords event={event} />
}

function ProblemWords({ event }: { event: ClusterEvent }) {
  const { t } = useTranslation()
  const trouble = troubleOf(event.subject)
  const isOver = event.after === ''
  return (
    <span>
      <strong>{t(trouble.word, { subject: trouble.subject })}</strong>
      <span className={css.toned} data-tone={isOver ? 'ok' : 'warn'}>
        {isOver ? t('events.over') : t('events.began')}
      </span>
    </span>
  )
}

function ChangeWords({ event }: { event: ClusterEvent }) {
  const { t } = useTranslation()
  const kind = KINDS[event.kind]
  const word = (state: string) => {
    const look = STATES[event.kind]?.[state]
    if (look) return t(look.word)
    if (state === 'connected') return t('events.connected')
    return state || t('events.absent')
  }
  return (
    <span>
      {kind ? t(kind) : event.kind} <strong>{event.subject}</strong>
      <span className={css.change}>
        {word(event.before)} → {word(event.after)}
      </span>
    </span>
  )
}

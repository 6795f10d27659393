import { useTranslation } from 'react-i18next'
import type { ClusterEvent } from '../../api/types.ts'
import { useLive } from '../../api/useLive.ts'
import type { Key } from '../../i18n/index.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Empty, Panel } from '../../ui/Panel.tsx'
import css from './overview.module.css'

const SHOWN = 12

const KINDS: Record<string, Key> = {
  'node.state': 'events.node',
  'part.state': 'events.part',
  'worker.state': 'events.worker',
  'model.nodes': 'events.model',
  problem: 'events.problem',
}

/** What changed since this page was opened. */
export function EventsPanel() {
  const { t } = useTranslation()
  const events = useLive((state) => state.events)
  return (
    <Panel id="events" icon="bell" title={t('events.title')}>
      {events.length === 0 ? (
        <div className={css.outdent}>
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
  const { t } = useTranslation()
  const format = useFormat()
  const kind = KINDS[event.kind]
  return (
    <li>
      <time dateTime={new Date(event.at * 1000).toISOString()}>{format.time(event.at)}</time>
      <span>
        {kind ? `${t(kind)} ` : `${event.kind} `}
        <strong>{event.subject}</strong>
        <span className={css.change}>
          {event.before || t('events.nothing')} → {event.after || t('events.nothing')}
        </span>
      </span>
    </li>
  )
}

import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { Attempt, HistoryEntry, TicketHistory } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { When } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { isTicketState, TICKET } from '../plans/plans.ts'
import css from './tickets.module.css'
import { historyQuery } from './tickets.ts'

/** Attempts, and every move with the seal that binds it to the one before. */
export function HistoryPanel({ ticketId }: { ticketId: string }) {
  const { t } = useTranslation()
  const query = useQuery(historyQuery(ticketId))
  return (
    <>
      <Panel id="attempts" icon="restart" title={t('attempts.title')} note={query.data?.attempts.length}>
        <Asked query={query}>{(found) => <Attempts attempts={found.attempts} />}</Asked>
      </Panel>
      <Panel id="history" icon="clock" title={t('history.title')}>
        <Asked query={query}>{(found) => <Entries found={found} />}</Asked>
      </Panel>
    </>
  )
}

function Attempts({ attempts }: { attempts: readonly Attempt[] }) {
  const { t } = useTranslation()
  const format = useFormat()
  if (attempts.length === 0) {
    return (
      <div className={ui.outdent}>
        <Empty title={t('attempts.none')} />
      </div>
    )
  }
  return (
    <ol className={css.entries}>
      {attempts.map((one) => (
        <li key={`${one.n} ${one.undoes}`}>
          <span className={css.entryHead}>
            <strong>{t(one.undoes ? 'attempts.undoes' : 'attempts.n', { n: one.n })}</strong>
            <span>
              {isTicketState(one.outcome) ? t(TICKET[one.outcome].word) : one.outcome || t('attempts.open')}
            </span>
          </span>
          <span className={ui.note}>
            {one.agent_id} · <When at={one.leased_at} />
            {one.ended_at == null
              ? null
              : ` · ${format.duration(one.ended_at - (one.started_at ?? one.leased_at))}`}
          </span>
          {one.error_code ? (
            <p lang="en" className={css.entryWhy}>
              <span className="mono">{one.error_code}</span> {one.error}
            </p>
          ) : null}
        </li>
      ))}
    </ol>
  )
}

function Entries({ found }: { found: TicketHistory }) {
  const { t } = useTranslation()
  return (
    <>
      <p className={css.intact} data-tone={found.intact ? 'ok' : 'bad'} role="status">
        <Icon name={found.intact ? 'check' : 'warning'} size={16} />
        {found.intact ? t('history.intact') : t('history.broken')}
      </p>
      <ol className={css.entries}>
        {[...found.entries].reverse().map((entry) => (
          <Entry key={entry.seq} entry={entry} />
        ))}
      </ol>
    </>
  )
}

function Entry({ entry }: { entry: HistoryEntry }) {
  const { t } = useTranslation()
  const said = (name: string) => (typeof entry.data[name] === 'string' ? String(entry.data[name]) : '')
  const reason = said('error') || said('reason')
  return (
    <li>
      <span className={css.entryHead}>
        {isTicketState(entry.to_state) ? <StateTag look={TICKET[entry.to_state]} plain /> : entry.to_state}
        <span className="mono">{entry.type}</span>
      </span>
      <span className={ui.note}>
        <When at={entry.at} />
        {entry.actor ? ` · ${entry.actor}` : ''}
      </span>
      {said('code') || reason ? (
        <p lang="en" className={css.entryWhy}>
          <span className="mono">{said('code')}</span> {reason}
        </p>
      ) : null}
      <span className={css.hash} title={`${entry.prev_hash} → ${entry.hash}`}>
        {t('history.seal', { n: entry.seq, hash: entry.hash.slice(0, 12) })}
      </span>
    </li>
  )
}

import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import type { GraphNode, TicketState } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import css from './plans.module.css'
import { LANES, TICKET } from './plans.ts'

/** Cards of one lane that are drawn; the list has the rest. */
const MOST = 30

/** Tickets by how far they are. */
export function Board({ planId, nodes }: { planId: string; nodes: readonly GraphNode[] }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard
    <section className={css.board} tabIndex={0} aria-label={t('plan.view.board')}>
      {LANES.map((lane) => {
        const cards = nodes.filter((node) => (lane.states as readonly TicketState[]).includes(node.status))
        return (
          <section key={lane.id} className={css.lane} aria-labelledby={`lane-${lane.id}`}>
            <h3 id={`lane-${lane.id}`}>
              {t(lane.word)} <span>{format.number(cards.length, 0)}</span>
            </h3>
            <ul>
              {cards.slice(0, MOST).map((node) => (
                <li key={node.ticket_id} className={css.card}>
                  <Link to="/tickets/$ticketId" params={{ ticketId: node.ticket_id }} className={ui.link}>
                    {node.id}
                  </Link>
                  <span className={css.cardEnd}>
                    <StateTag look={TICKET[node.status]} plain />
                    <span className={css.kind}>{node.type}</span>
                  </span>
                </li>
              ))}
            </ul>
            {cards.length > MOST ? (
              <Link
                to="/plans/$planId"
                params={{ planId }}
                search={{ state: cards[MOST]?.status }}
                className={ui.link}
              >
                {t('board.more', { count: cards.length - MOST })}
              </Link>
            ) : null}
          </section>
        )
      })}
    </section>
  )
}

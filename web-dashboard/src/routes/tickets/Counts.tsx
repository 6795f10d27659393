import { UnstyledButton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { TICKET_STATES } from '../../app/searches.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Failure } from '../../ui/Failure.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import { countsQuery, TICKET, type TicketsAsked } from '../plans/plans.ts'
import css from './tickets.module.css'

/** How many tickets are in which state, of all that the other filters leave; each asks for them alone. */
export function Counts({ asked }: { asked: TicketsAsked }) {
  const { t } = useTranslation()
  const format = useFormat()
  const navigate = useNavigate()
  const counts = useQuery(countsQuery(asked))
  if (counts.error) return <Failure error={counts.error} />
  const items: Record<string, number | undefined> = counts.data?.items ?? {}
  const there = TICKET_STATES.filter((state) => items[state])
  if (there.length === 0) return null
  return (
    <ul className={css.counts} aria-label={t('tickets.by_state')}>
      {there.map((state) => (
        <li key={state}>
          <UnstyledButton
            className={css.count ?? ''}
            aria-pressed={asked.state === state}
            onClick={() =>
              void navigate({
                to: '/tickets',
                search: { ...asked, state: asked.state === state ? undefined : state },
              })
            }
          >
            <StateTag look={TICKET[state]} />
            <strong>{format.number(items[state] ?? 0)}</strong>
          </UnstyledButton>
        </li>
      ))}
    </ul>
  )
}

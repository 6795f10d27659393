import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import { useWork } from '../../api/useWork.ts'
import { TICKET_KINDS, TICKET_PRIORITIES, TICKET_STATES } from '../../app/searches.ts'
import { useTitle } from '../../app/useTitle.ts'
import { Asked } from '../../ui/Asked.tsx'
import { More } from '../../ui/More.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { TablePanel } from '../../ui/TablePanel.tsx'
import ui from '../../ui/ui.module.css'
import { TICKET, type TicketsAsked, ticketsQuery } from '../plans/plans.ts'
import { PRIORITIES, useTicketColumns } from '../plans/TicketTable.tsx'
import { WorkSwitch } from '../plans/WorkSwitch.tsx'
import { Counts } from './Counts.tsx'

/** Nobody is asked for half a word. */
const TYPING_MS = 300

/** Tickets of all plans, the newest first; which ones stands in the address. */
export function TicketsPage() {
  const { t } = useTranslation()
  useTitle(t('plan.tickets'))
  const { data: me } = useQuery(meQuery)
  const asked = useSearch({ strict: false }) as TicketsAsked
  const [text] = useDebouncedValue(asked.text ?? '', TYPING_MS)
  const pages = useInfiniteQuery(ticketsQuery({ ...asked, text }))
  useWork([['plan-tickets', asked.plan ?? '']])
  const rows = useMemo(() => pages.data?.pages.flatMap((page) => page.items) ?? [], [pages.data])
  const names = useMemo(
    () => Object.assign({}, ...(pages.data?.pages.map((page) => page.plan_names) ?? [])),
    [pages.data],
  )
  const columns = useTicketColumns(names)
  const isNarrowed = Object.values(asked).some(Boolean)
  return (
    <>
      <PageHead
        title={t('plan.tickets')}
        tag={<WorkSwitch at="/tickets" />}
        note={reaches(me?.user.role, 'operator') ? t('plans.note.all') : t('plans.note.own')}
      />
      <Filters asked={asked} />
      {asked.text ? null : <Counts asked={asked} />}
      <Asked query={pages}>
        {() => (
          <TablePanel
            id="tickets"
            icon="plan"
            title={t('plan.tickets')}
            note={t('count.shown', { count: rows.length })}
            rows={rows}
            columns={columns}
            rowId={(ticket) => ticket.ticket_id}
            none={{
              title: isNarrowed ? t('plan.tickets.none') : t('tickets.none'),
              hint: t('tickets.none.hint'),
            }}
            foot={<More pages={pages} />}
          />
        )}
      </Asked>
    </>
  )
}

/** Each choice is taken over at once, and stands in the address. */
function Filters({ asked }: { asked: TicketsAsked }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const choice = (
    name: 'state' | 'kind' | 'priority',
    label: string,
    data: { value: string; label: string }[],
  ) => (
    <NativeSelect
      label={label}
      value={asked[name] ?? ''}
      onChange={({ currentTarget: { value } }) =>
        void navigate({ to: '/tickets', search: { ...asked, [name]: value || undefined } })
      }
      data={[{ value: '', label: t('filter.all') }, ...data]}
    />
  )
  return (
    <div className={ui.filters}>
      <TextInput
        label={t('tickets.find')}
        placeholder={t('tickets.find.hint')}
        value={asked.text ?? ''}
        onChange={({ currentTarget: { value } }) =>
          void navigate({ to: '/tickets', search: { ...asked, text: value || undefined }, replace: true })
        }
        maxLength={128}
        autoComplete="off"
        spellCheck={false}
      />
      {choice(
        'state',
        t('column.state'),
        TICKET_STATES.map((value) => ({ value, label: t(TICKET[value].word) })),
      )}
      {choice(
        'kind',
        t('column.kind'),
        TICKET_KINDS.map((value) => ({ value, label: value })),
      )}
      {choice(
        'priority',
        t('column.priority'),
        TICKET_PRIORITIES.map((value) => ({ value, label: t(PRIORITIES[value]) })),
      )}
      {asked.plan ? (
        <Button
          variant="default"
          onClick={() => void navigate({ to: '/tickets', search: { ...asked, plan: undefined } })}
        >
          {t('tickets.all_plans')}
        </Button>
      ) : null}
    </div>
  )
}

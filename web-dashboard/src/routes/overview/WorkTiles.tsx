import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import { useWork } from '../../api/useWork.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Icon, type IconName } from '../../ui/icons.tsx'
import css from './overview.module.css'
import { atRisk, openWorkQuery, summaryQuery } from './work.ts'

/** Work and promises in few figures, each leading to its page. */
export function WorkTiles() {
  const { t } = useTranslation()
  const { data: me } = useQuery(meQuery)
  return (
    <ul className={css.workTiles} aria-label={t('work.label')}>
      {reaches(me?.user.role, 'user') ? <TicketTiles /> : null}
      <ObjectiveTile />
    </ul>
  )
}

function TicketTiles() {
  const { t } = useTranslation()
  const format = useFormat()
  const { data } = useQuery(openWorkQuery)
  useWork([openWorkQuery.queryKey])
  const shown = (count: number | undefined) =>
    `${format.number(count, 0)}${data?.isMore && count !== undefined ? '+' : ''}`
  return (
    <>
      <Tile
        icon="worker"
        label={t('work.running')}
        value={shown(data?.running)}
        link={(inside) => (
          <Link to="/plans" search={{ status: 'running' }} className={css.workTile}>
            {inside}
          </Link>
        )}
      />
      <Tile
        icon="clock"
        label={t('work.waiting')}
        value={shown(data?.waiting)}
        link={(inside) => (
          <Link to="/plans" className={css.workTile}>
            {inside}
          </Link>
        )}
      />
    </>
  )
}

function ObjectiveTile() {
  const { t } = useTranslation()
  const format = useFormat()
  const { data } = useQuery(summaryQuery)
  const count = data ? atRisk(data) : undefined
  const none = data?.objectives === 0
  return (
    <Tile
      icon={count ? 'warning' : 'target'}
      label={t('work.at_risk')}
      value={none ? '–' : format.number(count, 0)}
      note={none ? t('objectives.none') : t('work.of', { count: data?.objectives ?? 0 })}
      tone={count ? 'warn' : undefined}
      link={(inside) => (
        <Link to="/objectives" className={css.workTile} data-tone={count ? 'warn' : undefined}>
          {inside}
        </Link>
      )}
    />
  )
}

interface TileProps {
  icon: IconName
  label: string
  value: string
  note?: string
  tone?: 'warn' | undefined
  link: (inside: ReactNode) => ReactNode
}

function Tile({ icon, label, value, note, link }: TileProps) {
  return (
    <li>
      {link(
        <>
          <Icon name={icon} />
          <span>{label}</span> <strong>{value}</strong>{' '}
          {note ? <span className={css.workNote}>{note}</span> : null}
        </>,
      )}
    </li>
  )
}

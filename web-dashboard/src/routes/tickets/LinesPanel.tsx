import { Switch } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../i18n/useFormat.ts'
import { Failure } from '../../ui/Failure.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import css from './tickets.module.css'
import { type LinesState, useLines } from './useLines.ts'

const STATES = {
  opening: 'lines.opening',
  open: 'lines.open',
  broken: 'lines.broken',
  ended: 'lines.ended',
} as const

/** What the ticket writes while it runs, the newest at the end. */
export function LinesPanel({ ticketId }: { ticketId: string }) {
  const { t } = useTranslation()
  const [isFollowing, setFollowing] = useState(true)
  const found = useLines(ticketId)
  return (
    <Panel
      id="lines"
      icon="lines"
      title={t('lines.title')}
      note={t(STATES[found.state])}
      end={
        <Switch
          size="xs"
          label={t('lines.follow')}
          checked={isFollowing}
          onChange={(event) => setFollowing(event.currentTarget.checked)}
        />
      }
    >
      {found.error && found.lines.length === 0 ? <Failure error={found.error} /> : null}
      {found.lines.length > 0 ? <Shown found={found} isFollowing={isFollowing} /> : null}
      {found.lines.length === 0 && !found.error && found.state !== 'opening' ? (
        <div className={ui.outdent}>
          <Empty title={t('lines.none')}>{t('lines.none.hint')}</Empty>
        </div>
      ) : null}
    </Panel>
  )
}

function Shown({ found, isFollowing }: { found: LinesState; isFollowing: boolean }) {
  const { t } = useTranslation()
  const format = useFormat()
  const box = useRef<HTMLElement>(null)
  const count = found.lines.at(-1)?.key
  // biome-ignore lint/correctness/useExhaustiveDependencies: goes to the end whenever another line came
  useEffect(() => {
    const holder = box.current
    if (holder && isFollowing) holder.scrollTop = holder.scrollHeight
  }, [count, isFollowing])
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard
    <section ref={box} className={css.written} tabIndex={0} aria-label={t('lines.title')}>
      {found.dropped > 0 ? <p className={css.lost}>{t('lines.dropped', { count: found.dropped })}</p> : null}
      {found.lines.map((line) => (
        <p key={line.key} className={line.lost ? css.lost : undefined}>
          <time>{format.time(line.at)}</time>
          {line.lost ? t('lines.lost', { count: line.lost }) : line.text || ' '}
        </p>
      ))}
    </section>
  )
}

import { NativeSelect, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { ClusterEvent } from '../../api/types.ts'
import { useLive } from '../../api/useLive.ts'
import { EVENT_KINDS } from '../../app/searches.ts'
import type { Key } from '../../i18n/index.ts'
import { When } from '../../ui/Ago.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { Icon, type IconName } from '../../ui/icons.tsx'
import { More } from '../../ui/More.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import type { Tone } from '../../ui/states.ts'
import ui from '../../ui/ui.module.css'
import { EventWords } from '../overview/EventsPanel.tsx'
import css from './events.module.css'
import { chosen, keptPagesQuery, nameOf, together, toneOf } from './events.ts'
import { type EventSearch, useEventSearch } from './search.ts'

const KINDS: Record<(typeof EVENT_KINDS)[number], Key> = {
  'node.state': 'events.node',
  'part.state': 'events.part',
  'worker.state': 'events.worker',
  'model.nodes': 'events.model',
  problem: 'log.problem',
}

const ICONS: Record<Tone, IconName> = {
  ok: 'check',
  warn: 'warning',
  bad: 'cross',
  busy: 'clock',
  idle: 'lines',
}

const ASK_MS = 300

/** What happens, as it happens, and below it what was kept of before. */
export function LogPanel() {
  const { t } = useTranslation()
  const { search, show } = useEventSearch()
  const live = useLive((state) => state.events)
  // Not each letter that is typed is asked for.
  const [subject] = useDebouncedValue(search.subject ?? '', ASK_MS)
  const pages = useInfiniteQuery(keptPagesQuery(search.kind, subject))
  const kept = pages.data?.pages.flatMap((page) => page.items) ?? []
  const shown = chosen(together(live, kept), search)
  const isAsked = Boolean(search.kind || search.severity || search.subject)
  return (
    <Panel id="log" icon="lines" title={t('log.title')} note={t('log.since')} flush>
      <div className={css.filters}>
        <NativeSelect
          size="xs"
          label={t('log.kind')}
          value={search.kind ?? ''}
          onChange={(event) =>
            show({ kind: (event.currentTarget.value || undefined) as EventSearch['kind'] })
          }
          data={[
            { value: '', label: t('filter.all') },
            ...EVENT_KINDS.map((kind) => ({ value: kind, label: t(KINDS[kind]) })),
          ]}
        />
        <NativeSelect
          size="xs"
          label={t('log.severity')}
          value={search.severity ?? ''}
          onChange={(event) => show({ severity: event.currentTarget.value ? 'trouble' : undefined })}
          data={[
            { value: '', label: t('filter.all') },
            { value: 'trouble', label: t('log.trouble') },
          ]}
        />
        <TextInput
          size="xs"
          label={t('log.subject')}
          value={search.subject ?? ''}
          onChange={(event) => show({ subject: event.currentTarget.value || undefined })}
          maxLength={200}
          autoComplete="off"
          spellCheck={false}
        />
      </div>
      {pages.error && !pages.data ? (
        <div className={ui.pad}>
          <Failure error={pages.error} />
        </div>
      ) : null}
      {shown.length === 0 ? (
        <Empty title={pages.isPending ? t('log.pending') : t(isAsked ? 'log.none.met' : 'events.none')}>
          {t('events.none.hint')}
        </Empty>
      ) : (
        <ol className={css.log} aria-label={t('log.title')}>
          {shown.map((event) => (
            <Line key={nameOf(event)} event={event} />
          ))}
        </ol>
      )}
      <More pages={pages} />
    </Panel>
  )
}

function Line({ event }: { event: ClusterEvent }) {
  const tone = toneOf(event)
  return (
    <li>
      <span className={css.mark} data-tone={tone}>
        <Icon name={ICONS[tone]} size={15} />
      </span>
      <When at={event.at} />
      <EventWords event={event} />
    </li>
  )
}

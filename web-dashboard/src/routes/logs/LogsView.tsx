import { Button, NativeSelect, Switch, TextInput } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { LogKept, LogLevel, LogLine } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Banner } from '../../ui/Banner.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { CountsPanel } from './CountsPanel.tsx'
import { LineList } from './LineList.tsx'
import css from './logs.module.css'
import { isPartial, joined, LEVEL, levelOf, linesQuery, olderLines, withLevel } from './logs.ts'

const LEVELS = Object.keys(LEVEL) as LogLevel[]

interface LogsViewProps {
  asked: string
  onAsk: (asked: string) => void
}

/** One search: its field, how much there is by the minute, and the lines. */
export function LogsView({ asked, onAsk }: LogsViewProps) {
  const { t } = useTranslation()
  const [isFollowing, setFollowing] = useState(true)
  const [older, setOlder] = useState<readonly LogLine[]>([])
  const [hasEnded, setEnded] = useState(false)
  const { data, error, isPending, dataUpdatedAt, refetch } = useQuery(linesQuery(asked, isFollowing))
  const lines = joined(data?.items ?? [], older)
  const more = useMutation({
    mutationFn: (before: number) => olderLines(asked, before),
    onSuccess: (page) => {
      setOlder((known) => [...known, ...page.items])
      setEnded(page.next === null)
    },
  })
  const last = lines.at(-1)
  const canGoOn = Boolean(last) && !hasEnded && (older.length > 0 || data?.next != null)
  return (
    <div className={css.stack}>
      <SearchForm asked={asked} onAsk={onAsk} isFollowing={isFollowing} onFollow={setFollowing} />
      {error && !data ? <Failure error={error} /> : null}
      {error && data ? <Old since={dataUpdatedAt} onAgain={() => void refetch()} /> : null}
      {data && isPartial(data.kept) ? <Partial kept={data.kept} /> : null}
      {error && !data ? null : <CountsPanel asked={asked} isFollowing={isFollowing} />}
      {isPending ? <p className={css.quiet}>{t('logs.loading')}</p> : null}
      {data ? (
        <Panel
          id="lines"
          icon="lines"
          title={t('logs.lines')}
          note={t('logs.kept', { count: data.kept.lines })}
          flush
        >
          {lines.length > 0 ? <LineList lines={lines} /> : <Nothing hasAny={data.kept.lines > 0} />}
          {more.error ? <Failure error={more.error} /> : null}
          {canGoOn && last ? (
            <div className={css.more}>
              <Button variant="default" loading={more.isPending} onClick={() => more.mutate(last.number)}>
                {t('logs.older')}
              </Button>
            </div>
          ) : null}
        </Panel>
      ) : null}
    </div>
  )
}

interface SearchFormProps extends LogsViewProps {
  isFollowing: boolean
  onFollow: (isFollowing: boolean) => void
}

function SearchForm({ asked, onAsk, isFollowing, onFollow }: SearchFormProps) {
  const { t } = useTranslation()
  const [text, setText] = useState(asked)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    onAsk(text.trim())
  }
  return (
    <form className={css.search} onSubmit={submit}>
      <TextInput
        className={css.field ?? ''}
        label={t('logs.search')}
        description={t('logs.search.hint')}
        placeholder='timeout "no node" -retry part:gateway since:2h'
        value={text}
        maxLength={500}
        leftSection={<Icon name="search" size={16} />}
        onChange={(event) => setText(event.currentTarget.value)}
        autoComplete="off"
        spellCheck={false}
      />
      <NativeSelect
        label={t('logs.level')}
        value={levelOf(text)}
        onChange={(event) => onAsk(withLevel(text, event.currentTarget.value as LogLevel | ''))}
        data={[
          { value: '', label: t('logs.level.any') },
          ...LEVELS.map((level) => ({
            value: level,
            label: t('logs.level.least', { level: t(LEVEL[level].word) }),
          })),
        ]}
      />
      <Button type="submit">{t('logs.ask')}</Button>
      <Switch
        className={css.follow ?? ''}
        label={t('logs.follow')}
        checked={isFollowing}
        onChange={(event) => onFollow(event.currentTarget.checked)}
      />
    </form>
  )
}

function Old({ since, onAgain }: { since: number; onAgain: () => void }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <div role="status">
      <Banner
        icon="clock"
        text={t('logs.stale', { time: format.time(since / 1000) })}
        action={t('action.try_again')}
        onAction={onAgain}
      />
    </div>
  )
}

function Partial({ kept }: { kept: LogKept }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <p className={css.partial} data-tone="warn" role="status">
      <Icon name="warning" />
      {t('logs.partial', { lost: format.bytes(kept.lost_bytes), behind: format.bytes(kept.behind_bytes) })}
    </p>
  )
}

function Nothing({ hasAny }: { hasAny: boolean }) {
  const { t } = useTranslation()
  return hasAny ? (
    <Empty title={t('logs.none')}>{t('logs.none.hint')}</Empty>
  ) : (
    <Empty title={t('logs.empty')}>{t('logs.empty.hint')}</Empty>
  )
}

import { NativeSelect, SegmentedControl } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { lazy, Suspense, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { UsageRow } from '../../api/types.ts'
import { USAGE_BY } from '../../app/searches.ts'
import type { Key } from '../../i18n/index.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Asked } from '../../ui/Asked.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { type View, ViewSwitch } from '../../ui/ViewSwitch.tsx'
import css from './gateway.module.css'
import { dayOf, everyDay, type Measure, measured, tokensOf, type UsageBy, usageQuery } from './gateway.ts'

const DayChart = lazy(() => import('./DayChart.tsx'))

const WORDS: Record<UsageBy, Key> = {
  day: 'gateway.by.day',
  key: 'gateway.by.key',
  model: 'gateway.by.model',
  node: 'gateway.by.node',
  user: 'gateway.by.user',
}
const DAYS = [7, 30, 90] as const
const BARS = 8

const MEASURES: Record<Measure, Key> = { requests: 'gateway.requests', tokens: 'gateway.tokens' }

interface Props {
  by: UsageBy
  onBy: (by: UsageBy) => void
}

/** What was used, by key, model, node, person or day; of one's own keys, of all for an administrator. */
export function UsagePanel({ by, onBy }: Props) {
  const { t } = useTranslation()
  const { data: me } = useQuery(meQuery)
  const may = reaches(me?.user.role, 'user')
  const [days, setDays] = useState(7)
  const [measure, setMeasure] = useState<Measure>('requests')
  const [view, setView] = useState<View>('chart')
  const now = Date.now() / 1000
  const [from, to] = [dayOf(now, days - 1), dayOf(now)]
  const usage = useQuery({ ...usageQuery(by, from, to), enabled: may })
  if (!may) {
    return (
      <Panel id="usage" icon="chart" title={t('gateway.usage')} flush>
        <Empty title={t('gateway.usage.not')} />
      </Panel>
    )
  }
  return (
    <Panel
      id="usage"
      icon="chart"
      title={t('gateway.usage')}
      end={<ViewSwitch value={view} onChange={setView} />}
      flush
    >
      <div className={`${ui.filters} ${ui.pad}`} style={{ marginBottom: 0 }}>
        <NativeSelect
          label={t('gateway.by')}
          value={by}
          onChange={(event) => onBy(event.currentTarget.value as UsageBy)}
          data={USAGE_BY.map((value) => ({ value, label: t(WORDS[value]) }))}
        />
        <NativeSelect
          label={t('gateway.span')}
          value={String(days)}
          onChange={(event) => setDays(Number(event.currentTarget.value))}
          data={DAYS.map((value) => ({ value: String(value), label: t('gateway.days', { count: value }) }))}
        />
        <SegmentedControl<Measure>
          value={measure}
          onChange={setMeasure}
          aria-label={t('gateway.measure')}
          data={Object.entries(MEASURES).map(([value, word]) => ({
            value: value as Measure,
            label: t(word),
          }))}
        />
      </div>
      <Asked query={usage}>
        {(found) => {
          const rows = by === 'day' ? everyDay(found, from, to) : found
          if (found.length === 0)
            return <Empty title={t('gateway.usage.none')}>{t('gateway.usage.none.hint')}</Empty>
          if (view === 'table') return <UsageTable rows={rows} by={by} />
          return (
            <div className={ui.pad}>
              <p className={css.summary}>
                <Summary rows={rows} by={by} measure={measure} days={days} />
              </p>
              {by === 'day' ? (
                <Suspense fallback={null}>
                  <DayChart rows={rows} measure={measure} label={t(MEASURES[measure])} />
                </Suspense>
              ) : (
                <Bars rows={rows} measure={measure} />
              )}
            </div>
          )
        }}
      </Asked>
    </Panel>
  )
}

interface SummaryProps {
  rows: readonly UsageRow[]
  by: UsageBy
  measure: Measure
  days: number
}

/** What the chart shows, in a sentence. */
function Summary({ rows, by, measure, days }: SummaryProps) {
  const { t } = useTranslation()
  const format = useFormat()
  const total = (of: (row: UsageRow) => number) => rows.reduce((sum, row) => sum + of(row), 0)
  const first = rows.reduce<UsageRow | undefined>(
    (most, row) => (most && measured(most, measure) >= measured(row, measure) ? most : row),
    undefined,
  )
  const name = first ? (by === 'day' ? format.day(first.id) : first.name || t('gateway.nameless')) : '–'
  return (
    <>
      {t('gateway.usage.sum', {
        requests: format.number(
          total((row) => row.requests),
          0,
        ),
        tokens: format.number(total(tokensOf), 0),
        errors: format.number(
          total((row) => row.errors),
          0,
        ),
        days: String(days),
      })}{' '}
      {t('gateway.usage.most', { name, amount: format.number(first ? measured(first, measure) : 0, 0) })}
    </>
  )
}

function Bars({ rows, measure }: { rows: readonly UsageRow[]; measure: Measure }) {
  const { t } = useTranslation()
  const format = useFormat()
  const sorted = [...rows].sort((one, other) => measured(other, measure) - measured(one, measure))
  const most = Math.max(1, ...sorted.map((row) => measured(row, measure)))
  return (
    <>
      <ul className={css.bars}>
        {sorted.slice(0, BARS).map((row) => (
          <li key={row.id}>
            <span>{row.name || t('gateway.nameless')}</span>
            <span
              className={css.bar}
              style={{ width: `${(measured(row, measure) / most) * 100}%` }}
              aria-hidden="true"
            />
            <span>{format.number(measured(row, measure), 0)}</span>
          </li>
        ))}
      </ul>
      {sorted.length > BARS ? (
        <p className={ui.note}>{t('gateway.usage.rest', { count: sorted.length - BARS })}</p>
      ) : null}
    </>
  )
}

const column = createColumnHelper<UsageRow>()

function UsageTable({ rows, by }: { rows: readonly UsageRow[]; by: UsageBy }) {
  const { t } = useTranslation()
  const format = useFormat()
  const columns = useMemo(() => {
    const figure = (id: 'requests' | 'errors' | 'prompt_tokens' | 'output_tokens', word: Key) =>
      column.accessor(id, {
        header: t(word),
        meta: { align: 'end' },
        cell: ({ getValue }) => format.number(getValue(), 0),
      })
    return [
      column.accessor((row) => (by === 'day' ? row.id : row.name), {
        id: 'name',
        header: t(WORDS[by]),
        meta: { card: 'wide' },
        cell: ({ getValue }) => (by === 'day' ? format.day(getValue()) : getValue() || t('gateway.nameless')),
      }),
      figure('requests', 'gateway.requests'),
      figure('errors', 'gateway.errors'),
      figure('prompt_tokens', 'gateway.prompt_tokens'),
      figure('output_tokens', 'gateway.output_tokens'),
    ]
  }, [t, format, by])
  return <DataTable label={t('gateway.usage')} rows={rows} columns={columns} rowId={(row) => row.id} />
}

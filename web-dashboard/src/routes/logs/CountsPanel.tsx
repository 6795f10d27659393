import { NativeSelect, VisuallyHidden } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { moment } from '../../i18n/moment.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Failure } from '../../ui/Failure.tsx'
import { Panel } from '../../ui/Panel.tsx'
import css from './logs.module.css'
import { type Bar, barsOf, countsQuery, SPANS, type Span } from './logs.ts'

/** How many lines meet the search, step by step; what is bad among them stands out. */
export function CountsPanel({ asked, isFollowing }: { asked: string; isFollowing: boolean }) {
  const { t } = useTranslation()
  const [span, setSpan] = useState<Span>(60)
  const { data, error } = useQuery(countsQuery(asked, span, isFollowing))
  return (
    <Panel
      id="counts"
      icon="chart"
      title={t('logs.counts')}
      end={
        <NativeSelect
          size="xs"
          aria-label={t('logs.span')}
          value={span}
          onChange={(event) => setSpan(Number(event.currentTarget.value) as Span)}
          data={Object.entries(SPANS).map(([minutes, word]) => ({ value: minutes, label: t(word) }))}
        />
      }
    >
      {error && !data ? <Failure error={error} /> : null}
      {data ? <Bars bars={barsOf(data)} step={data.step_seconds} /> : <div className={css.room} />}
    </Panel>
  )
}

function Bars({ bars, step }: { bars: readonly Bar[]; step: number }) {
  const { t } = useTranslation()
  const format = useFormat()
  const now = Date.now() / 1000
  const sum = (of: (bar: Bar) => number) => bars.reduce((all, bar) => all + of(bar), 0)
  const total = t('logs.counted', {
    lines: format.number(sum((bar) => bar.lines)),
    warnings: format.number(sum((bar) => bar.warnings)),
    errors: format.number(sum((bar) => bar.errors)),
    step: format.duration(step),
  })
  const said = (bar: Bar) =>
    t('logs.bar', {
      time: moment(format, bar.at, now),
      lines: format.number(bar.lines),
      warnings: format.number(bar.warnings),
      errors: format.number(bar.errors),
    })
  return (
    <>
      <p className={css.quiet}>{total}</p>
      <ol className={css.bars} aria-label={t('logs.counts')}>
        {bars.map((bar) => (
          <li key={bar.at} title={said(bar)}>
            <VisuallyHidden>{bar.lines > 0 ? said(bar) : ''}</VisuallyHidden>
            <span style={{ height: `${(bar.share * 100).toFixed(2)}%` }} data-empty={bar.lines === 0}>
              <i
                style={{ height: `${(bar.bad * 100).toFixed(2)}%` }}
                data-worst={bar.errors > 0 ? 'error' : 'warning'}
              />
            </span>
          </li>
        ))}
      </ol>
      <div className={css.ends} aria-hidden="true">
        <span>{moment(format, bars[0]?.at ?? now, now)}</span>
        <span>{moment(format, now, now)}</span>
      </div>
    </>
  )
}

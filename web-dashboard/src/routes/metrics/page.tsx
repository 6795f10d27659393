import { SegmentedControl } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import type { Recent } from '../../api/types.ts'
import { useTitle } from '../../app/useTitle.ts'
import { Asked } from '../../ui/Asked.tsx'
import { Coded } from '../../ui/Coded.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { ViewSwitch } from '../../ui/ViewSwitch.tsx'
import { CardPanel } from './CardPanel.tsx'
import css from './metrics.module.css'
import { CARDS, recentQuery, type Search, SPANS, type Span } from './metrics.ts'

/** How the cluster, its nodes and its machines did in the last minutes. */
export function MetricsPage() {
  const { t } = useTranslation()
  useTitle(t('metrics.title'))
  const { minutes = 15, view } = useSearch({ strict: false }) as Search
  const navigate = useNavigate()
  const recent = useQuery({ ...recentQuery(minutes), placeholderData: keepPreviousData })
  const go = (search: Search) => void navigate({ to: '/charts', search, replace: true })
  return (
    <>
      <PageHead title={t('metrics.title')} note={t('metrics.text')}>
        <div className={css.choices}>
          <SegmentedControl
            size="xs"
            aria-label={t('metrics.span')}
            value={String(minutes)}
            onChange={(value) => go({ minutes: Number(value) as Span, view })}
            data={SPANS.map((value) => ({ value: String(value), label: `${value} min` }))}
          />
          <ViewSwitch
            value={view ?? 'chart'}
            onChange={(value) => go({ minutes, view: value === 'table' ? 'table' : undefined })}
          />
        </div>
      </PageHead>
      <Asked query={recent}>{(found) => <Cards recent={found} asTable={view === 'table'} />}</Asked>
      <p className={`${ui.note} ${css.foot}`}>
        <Coded text={t('metrics.foot')} />
      </p>
    </>
  )
}

function Cards({ recent, asTable }: { recent: Recent; asTable: boolean }) {
  const { t } = useTranslation()
  if (!recent.series.some(({ values }) => values.some((one) => one !== null))) {
    return (
      <Panel id="metrics" icon="chart" title={t('metrics.title')}>
        <Empty title={t('metrics.none')}>{t('metrics.none.hint')}</Empty>
      </Panel>
    )
  }
  return (
    <div className={css.grid} id="metrics">
      {CARDS.map((card) => (
        <CardPanel key={card.id} card={card} recent={recent} asTable={asTable} />
      ))}
    </div>
  )
}

import { SegmentedControl } from '@mantine/core'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Graph } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import ui from '../../ui/ui.module.css'
import { DagTable } from './DagTable.tsx'
import { DagView } from './DagView.tsx'
import { closedAtFirst, drawingOf, levelsOf, WIDE } from './dag.ts'
import css from './plans.module.css'

/** What waits for what: drawn, or the same as a table. */
export default function DagPanel({ graph }: { graph: Graph }) {
  const { t } = useTranslation()
  const [view, setView] = useState('drawing')
  return (
    <>
      <div className={css.dagHead}>
        <Summary graph={graph} />
        <SegmentedControl
          size="xs"
          value={view}
          onChange={setView}
          aria-label={t('traffic.view')}
          data={[
            { value: 'drawing', label: t('dag.drawing') },
            { value: 'table', label: t('traffic.table') },
          ]}
        />
      </div>
      {view === 'drawing' ? <Drawn graph={graph} /> : <DagTable graph={graph} />}
    </>
  )
}

function Summary({ graph }: { graph: Graph }) {
  const { t } = useTranslation()
  const format = useFormat()
  const levels = levelsOf(graph).length
  return (
    <p className={ui.note}>
      {t('dag.summary', { tickets: format.number(graph.nodes.length, 0), levels: format.number(levels, 0) })}{' '}
      {graph.critical_path.length > 1
        ? t(graph.critical_ms > 0 ? 'dag.summary.critical' : 'dag.summary.longest', {
            count: graph.critical_path.length,
            time: format.duration(graph.critical_ms / 1000),
          })
        : null}
    </p>
  )
}

function Drawn({ graph }: { graph: Graph }) {
  const { t } = useTranslation()
  const [closed, setClosed] = useState(() => closedAtFirst(graph))
  const drawing = useMemo(() => drawingOf(graph, closed), [graph, closed])
  const toggle = (level: number) =>
    setClosed((before) => {
      const after = new Set(before)
      if (!after.delete(level)) after.add(level)
      return after
    })
  const wide = levelsOf(graph).flatMap((nodes, level) => (nodes.length > WIDE ? [level] : []))
  const areClosed = wide.length > 0 && wide.every((level) => closed.has(level))
  return (
    <DagView
      drawing={drawing}
      onToggle={toggle}
      legend={
        <ul className={css.legend}>
          <li className={css.legendCritical}>{t('dag.critical')}</li>
          <li className={css.legendWay}>{t('dag.depends')}</li>
        </ul>
      }
    >
      {wide.length > 0 ? (
        <button
          type="button"
          className={css.plainButton}
          onClick={() => setClosed(areClosed ? new Set() : new Set(wide))}
        >
          {areClosed ? t('dag.open_all') : t('dag.close_all')}
        </button>
      ) : null}
    </DagView>
  )
}

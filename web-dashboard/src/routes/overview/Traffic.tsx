import { lazy, Suspense, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Sample } from '../../api/live.ts'
import { useLive } from '../../api/useLive.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Panel } from '../../ui/Panel.tsx'
import { type View, ViewSwitch } from '../../ui/ViewSwitch.tsx'
import css from './overview.module.css'

const Chart = lazy(() => import('./Chart.tsx'))

/** Seconds that one line of the table sums up. */
const STEP = 15

/** The last minutes, drawn or as a table; a sentence says the same. */
export function Traffic() {
  const { t } = useTranslation()
  const samples = useLive((state) => state.samples)
  const [view, setView] = useState<View>('chart')
  return (
    <Panel
      id="traffic"
      icon="chart"
      title={t('traffic.title')}
      end={<ViewSwitch value={view} onChange={setView} />}
    >
      <Summary samples={samples} />
      <div className={css.drawn}>
        {view === 'chart' ? (
          <Suspense fallback={null}>
            <Chart samples={samples} />
          </Suspense>
        ) : (
          <Figures samples={samples} />
        )}
      </div>
    </Panel>
  )
}

function Summary({ samples }: { samples: readonly Sample[] }) {
  const { t } = useTranslation()
  const format = useFormat()
  const tokens = samples.map((sample) => sample.tokens)
  const mean = tokens.reduce((sum, one) => sum + one, 0) / Math.max(1, tokens.length)
  return (
    <p className={css.summary}>
      {t('traffic.summary', { mean: format.number(mean), most: format.number(Math.max(0, ...tokens)) })}
    </p>
  )
}

interface Line {
  at: number
  tokens: number
  requests: number
  inflight: number
}

/** Means over `STEP` seconds, newest first. Pure. */
export function lines(samples: readonly Sample[]): Line[] {
  const steps = new Map<number, Sample[]>()
  for (const sample of samples) {
    const at = Math.floor(sample.at / STEP) * STEP
    steps.set(at, [...(steps.get(at) ?? []), sample])
  }
  const mean = (held: Sample[], key: Exclude<keyof Sample, 'at'>) =>
    held.reduce((sum, one) => sum + one[key], 0) / held.length
  return [...steps]
    .map(([at, held]) => ({
      at,
      tokens: mean(held, 'tokens'),
      requests: mean(held, 'requests'),
      inflight: mean(held, 'inflight'),
    }))
    .reverse()
}

function Figures({ samples }: { samples: readonly Sample[] }) {
  const { t } = useTranslation()
  const format = useFormat()
  const rows = useMemo(() => lines(samples), [samples])
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard
    <section className={css.figures} tabIndex={0} aria-label={t('traffic.title')}>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('column.time')}</th>
            <th scope="col">{t('tiles.tokens')}</th>
            <th scope="col">{t('tiles.requests')}</th>
            <th scope="col">{t('tiles.inflight')}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.at}>
              <th scope="row">{format.time(row.at)}</th>
              <td>{format.number(row.tokens)}</td>
              <td>{format.number(row.requests, 2)}</td>
              <td>{format.number(row.inflight)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Sample } from '../../api/live.ts'
import type { Rates } from '../../api/types.ts'
import { useLive } from '../../api/useLive.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Sparkline } from '../../ui/Sparkline.tsx'
import css from './overview.module.css'

const SHOWN = 90

interface TileProps {
  label: string
  value: string
  unit: string
  note: string
  series: Exclude<keyof Sample, 'at'>
  tone?: 'bad' | undefined
}

/** The cluster's traffic in four figures. */
export function Tiles({ rates }: { rates: Rates }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <dl className={css.tiles} aria-label={t('tiles.label')}>
      <Tile
        label={t('tiles.tokens')}
        value={format.number(rates.tokens_per_second)}
        unit={t('unit.tokens_per_second')}
        note={t('tiles.tokens.total', { total: format.number(rates.output_tokens_total, 0) })}
        series="tokens"
      />
      <Tile
        label={t('tiles.requests')}
        value={format.number(rates.requests_per_second, 2)}
        unit={t('unit.per_second')}
        note={t('tiles.requests.total', { total: format.number(rates.requests_total, 0) })}
        series="requests"
      />
      <Tile
        label={t('tiles.inflight')}
        value={format.number(rates.inflight, 0)}
        unit={t('unit.requests', { count: rates.inflight })}
        note={t('tiles.inflight.note')}
        series="inflight"
      />
      <Tile
        label={t('tiles.errors')}
        value={format.number(rates.errors_per_second, 2)}
        unit={t('unit.per_second')}
        note={t('tiles.errors.total', { total: format.number(rates.errors_total, 0) })}
        series="errors"
        tone={rates.errors_per_second > 0 ? 'bad' : undefined}
      />
    </dl>
  )
}

function Tile({ label, value, unit, note, series, tone }: TileProps) {
  const samples = useLive((state) => state.samples)
  const values = useMemo(() => samples.slice(-SHOWN).map((sample) => sample[series]), [samples, series])
  return (
    <div className={css.tile} data-tone={tone}>
      <dt>{label}</dt>
      <dd className={css.tileValue}>
        {value} <span>{unit}</span>
      </dd>
      <dd className={css.tileNote}>{note}</dd>
      <dd className={css.tileSpark} aria-hidden="true">
        <Sparkline values={values} />
      </dd>
    </div>
  )
}

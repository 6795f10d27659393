import { VisuallyHidden } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { Power } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Coded } from '../../ui/Coded.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import css from './power.module.css'
import { type Bar, barsOf, lacking, powerQuery } from './power.ts'

const HINTS = {
  alone: 'power.none.alone',
  untold: 'power.none.untold',
  silent: 'power.none.silent',
} as const

/** What machines draw now and drew by day, what it cost, and how many tokens it yielded. */
export function PowerPanel({ joined }: { joined: number }) {
  const { t } = useTranslation()
  const { data: power, error } = useQuery(powerQuery)
  const why = power && lacking(power, joined)
  return (
    <Panel id="power" icon="bolt" title={t('power.title')}>
      {error ? <Failure error={error} /> : null}
      {power && why ? (
        <div className={ui.outdent}>
          <Empty title={t('power.none')}>{t(HINTS[why], { names: power.untold.join(', ') })}</Empty>
        </div>
      ) : null}
      {power && !why ? <Drawn power={power} /> : null}
      {power || error ? null : (
        <div className={ui.outdent}>
          <Empty title={t('machines.pending')} />
        </div>
      )}
    </Panel>
  )
}

function Drawn({ power }: { power: Power }) {
  const { t } = useTranslation()
  const format = useFormat()
  const bars = barsOf(power)
  const { total } = power
  const figures: [string, string][] = [
    [t('power.now'), power.watts == null ? format.number(null) : `${format.number(power.watts, 0)} W`],
    [t('power.today'), format.energy(power.today.watt_hours)],
    [t('power.days', { days: bars.length }), format.energy(total.watt_hours)],
    [t('power.rate'), format.number(total.tokens_per_watt_hour)],
  ]
  if (power.price_per_kwh != null) {
    figures.push([t('power.cost', { days: bars.length }), format.money(total.cost, power.currency)])
    figures.push([t('power.million'), format.money(total.cost_of_a_million, power.currency)])
  }
  return (
    <>
      <dl className={css.figures}>
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Bars bars={bars} />
      <p className={css.note}>{t('power.covers', { time: format.duration(total.measured_seconds) })}</p>
      {power.untold.length > 0 ? (
        <p className={css.note}>{t('power.untold', { names: power.untold.join(', ') })}</p>
      ) : null}
      {power.price_per_kwh == null ? (
        <p className={css.note}>
          <Coded text={t('power.priceless')} />
        </p>
      ) : null}
    </>
  )
}

function Bars({ bars }: { bars: readonly Bar[] }) {
  const { t } = useTranslation()
  const format = useFormat()
  const said = ({ day, energy }: Bar) =>
    energy
      ? t('power.bar', {
          day: format.day(day),
          energy: format.energy(energy.watt_hours),
          time: format.duration(energy.measured_seconds),
        })
      : t('power.unmeasured', { day: format.day(day) })
  return (
    <>
      <ol className={css.bars} aria-label={t('power.bars')}>
        {bars.map((bar) => (
          <li key={bar.day} title={said(bar)} data-measured={bar.energy !== undefined}>
            <VisuallyHidden>{said(bar)}</VisuallyHidden>
            <span style={{ height: `${(bar.share * 100).toFixed(2)}%` }} />
          </li>
        ))}
      </ol>
      <div className={css.ends} aria-hidden="true">
        <span>{format.day(bars[0]?.day ?? '')}</span>
        <span>{format.day(bars.at(-1)?.day ?? '')}</span>
      </div>
    </>
  )
}

import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Budget, BurnAlert, Slo } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { DataTable } from '../../ui/DataTable.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import type { Look } from '../../ui/states.ts'
import css from './objectives.module.css'

const column = createColumnHelper<BurnAlert>()

const FIRES: Look = { tone: 'bad', icon: 'bell', word: 'alert.fires' }
const QUIET: Look = { tone: 'ok', icon: 'check', word: 'alert.quiet' }
const NEVER: Look = { tone: 'warn', icon: 'warning', word: 'alert.never' }

const lookOf = (alert: BurnAlert) => (alert.fires ? FIRES : alert.can_fire ? QUIET : NEVER)

/** Alerts by their two windows: how fast it burns in each, and from what speed on somebody is told. */
export function BurnPanel({ slo, budget }: { slo: Slo; budget: Budget | undefined }) {
  const { t } = useTranslation()
  const columns = useColumns(budget)
  return (
    <Panel id="burn" icon="bell" title={t('burn.title')} flush>
      <p className={css.above}>{t('burn.text')}</p>
      {(slo.warnings ?? []).map((warning) => (
        <p key={warning} className={css.warning} data-tone="warn">
          <Icon name="warning" size={16} />
          <span lang="en">{warning}</span>
        </p>
      ))}
      {budget?.alerts?.length ? (
        <DataTable
          label={t('burn.title')}
          rows={budget.alerts}
          columns={columns}
          rowId={(one) => `${one.long_seconds} ${one.short_seconds}`}
        />
      ) : (
        <p className={css.above}>{t('burn.none')}</p>
      )}
      {budget ? <OtherWindows budget={budget} /> : null}
    </Panel>
  )
}

function useColumns(budget: Budget | undefined) {
  const { t } = useTranslation()
  const format = useFormat()
  return useMemo(() => {
    const rate = (seconds: number) => {
      const found = budget?.burn_rates?.find((one) => one.window_seconds === seconds)?.burn_rate
      return found == null ? '–' : t('slo.times', { rate: format.number(found, 2) })
    }
    const windowCell = (seconds: number) => `${format.duration(seconds)}: ${rate(seconds)}`
    return [
      column.accessor('long_seconds', {
        header: t('burn.long'),
        meta: { card: 'bare' },
        cell: ({ row }) => windowCell(row.original.long_seconds),
      }),
      column.accessor((alert) => lookOf(alert).word, {
        id: 'state',
        header: t('column.state'),
        meta: { card: 'state' },
        cell: ({ row }) => <StateTag look={lookOf(row.original)} />,
      }),
      column.accessor('short_seconds', {
        header: t('burn.short'),
        cell: ({ row }) => windowCell(row.original.short_seconds),
      }),
      column.accessor('factor', {
        header: t('burn.threshold'),
        meta: { align: 'end' },
        cell: ({ row }) => t('slo.times', { rate: format.number(row.original.factor, 1) }),
      }),
      column.accessor('severity', { header: t('burn.severity') }),
    ]
  }, [t, format, budget])
}

function OtherWindows({ budget }: { budget: Budget }) {
  const { t } = useTranslation()
  const format = useFormat()
  const named = new Set((budget.alerts ?? []).flatMap((one) => [one.long_seconds, one.short_seconds]))
  const rest = (budget.burn_rates ?? []).filter((one) => !named.has(one.window_seconds))
  if (rest.length === 0) return null
  return (
    <p className={`${css.above} ${css.other}`}>
      {t('burn.other')}{' '}
      {rest
        .map(
          (one) =>
            `${format.duration(one.window_seconds)}: ${
              one.burn_rate == null ? '–' : t('slo.times', { rate: format.number(one.burn_rate, 2) })
            }`,
        )
        .join(' · ')}
    </p>
  )
}

import { useTranslation } from 'react-i18next'
import type { Host } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Meter } from '../../ui/Meter.tsx'
import { Panel } from '../../ui/Panel.tsx'
import css from './overview.module.css'

/** The machine that the cluster's head runs on. */
export function MachinePanel({ host }: { host: Host }) {
  const { t } = useTranslation()
  const format = useFormat()
  const of = (used: number, total: number) =>
    t('memory.of', { used: format.bytes(used), total: format.bytes(total) })
  return (
    <Panel id="machine" icon="machine" title={t('machine.title')} note={host.hostname}>
      <ul className={css.meters}>
        <Row
          label={t('machine.cpu', { count: host.cores })}
          text={format.percent(host.cpu)}
          share={host.cpu / 100}
        />
        <Row
          label={t('machine.memory')}
          text={of(host.memory_used, host.memory_total)}
          share={host.memory_used / Math.max(1, host.memory_total)}
        />
        <Row
          label={t('machine.disk')}
          text={of(host.disk_used, host.disk_total)}
          share={host.disk_used / Math.max(1, host.disk_total)}
        />
      </ul>
    </Panel>
  )
}

function Row({ label, text, share }: { label: string; text: string; share: number }) {
  return (
    <li>
      <span className={css.meterHead}>
        <span>{label}</span>
        <strong>{text}</strong>
      </span>
      <Meter share={share} label={label} text={text} />
    </li>
  )
}

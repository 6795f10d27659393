import { useTranslation } from 'react-i18next'
import type { Worker } from '../api/types.ts'
import { useFormat } from '../i18n/useFormat.ts'
import { Meter } from './Meter.tsx'
import css from './ui.module.css'

/** What a Dask worker holds of what it may. */
export function WorkerMemory({ worker }: { worker: Worker }) {
  const { t } = useTranslation()
  const format = useFormat()
  const used = format.bytes(worker.memory)
  if (worker.memory_limit === 0) return used
  const text = t('memory.of', { used, total: format.bytes(worker.memory_limit) })
  return (
    <span className={css.metered}>
      <span>{text}</span>
      <Meter share={worker.memory / worker.memory_limit} label={t('column.memory')} text={text} />
    </span>
  )
}

import { Button } from '@mantine/core'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Setting } from '../../api/types.ts'
import type { Key } from '../../i18n/index.ts'
import { DataTable } from '../../ui/DataTable.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import type { Look } from '../../ui/states.ts'
import css from './configuration.module.css'
import { shown } from './configuration.ts'

const column = createColumnHelper<Setting>()

const SOURCES: Record<Setting['source'], Key> = {
  default: 'configuration.source.default',
  file: 'configuration.source.file',
  membership: 'configuration.source.membership',
  environment: 'configuration.source.environment',
}

const LOCKS: Record<Exclude<Setting['locked'], ''>, Key> = {
  environment: 'configuration.locked.environment',
  machine: 'configuration.locked.machine',
}

/** It is written, and something else is in force. */
export const WAITS: Look = { tone: 'warn', icon: 'clock', word: 'configuration.waiting' }

interface TableProps {
  settings: readonly Setting[]
  meaningOf: (setting: Setting) => string
  onAsk: (setting: Setting) => void
}

/** Each with what it is, what it means and where that was said. */
export function SettingTable({ settings, meaningOf, onAsk }: TableProps) {
  const { t } = useTranslation()
  const columns = useMemo(
    () => [
      column.accessor('name', {
        header: t('configuration.setting'),
        cell: ({ row: { original } }) => (
          <div className={css.named}>
            <code className="mono">{original.name}</code>
            <span>{meaningOf(original)}</span>
          </div>
        ),
        meta: { card: 'wide' },
      }),
      column.accessor((row) => shown(row.written), {
        id: 'value',
        header: t('configuration.value'),
        cell: ({ row: { original } }) => <Worth setting={original} />,
        meta: { card: 'wide' },
      }),
      column.accessor('source', {
        header: t('configuration.source'),
        cell: ({ getValue }) => t(SOURCES[getValue()]),
        meta: { minor: true },
      }),
      column.display({
        id: 'acts',
        header: t('column.actions'),
        cell: ({ row: { original } }) =>
          original.locked === '' ? (
            <Button
              size="compact-sm"
              variant="default"
              aria-label={t('configuration.change.one', { name: original.name })}
              onClick={() => onAsk(original)}
            >
              {t('configuration.change')}
            </Button>
          ) : (
            <span className={css.locked}>{t(LOCKS[original.locked])}</span>
          ),
      }),
    ],
    [t, meaningOf, onAsk],
  )
  return (
    <DataTable label={t('configuration.title')} rows={settings} columns={columns} rowId={(row) => row.name} />
  )
}

/** What a start would take; that something else is in force is said beside it. */
function Worth({ setting }: { setting: Setting }) {
  const { t } = useTranslation()
  const text = shown(setting.written)
  return (
    <div className={css.worth}>
      {text === '' ? (
        <span className={css.locked}>{t('configuration.unset')}</span>
      ) : (
        <code className="mono">{text}</code>
      )}
      {setting.changed && setting.taken_up === 'restart' ? <StateTag look={WAITS} /> : null}
    </div>
  )
}

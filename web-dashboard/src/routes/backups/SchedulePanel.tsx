import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Backup, Setting, SettingsTold } from '../../api/types.ts'
import type { Language } from '../../i18n/index.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Until } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { Coded } from '../../ui/Coded.tsx'
import { Facts } from '../../ui/Facts.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { meaningsQuery, settingsQuery } from '../configuration/configuration.ts'
import { SettingDialog } from '../configuration/SettingDialog.tsx'
import { WAITS } from '../configuration/SettingTable.tsx'
import css from './backups.module.css'
import { nextAt } from './backups.ts'

const EVERY = 'backup.every_hours'
const KEPT = ['backup.keep_newest', 'backup.keep_daily', 'backup.keep_weekly'] as const
const WORDS = {
  'backup.keep_newest': 'backups.keep_newest',
  'backup.keep_daily': 'backups.keep_daily',
  'backup.keep_weekly': 'backups.keep_weekly',
} as const

/** How often one is made without being asked for, when the next is due, and how many stay. */
export function SchedulePanel({ backups }: { backups: readonly Backup[] }) {
  const { t } = useTranslation()
  const settings = useQuery(settingsQuery)
  return (
    <Panel id="schedule" icon="clock" title={t('backups.schedule.title')}>
      <Asked query={settings}>{(told) => <Schedule told={told} backups={backups} />}</Asked>
    </Panel>
  )
}

function Schedule({ told, backups }: { told: SettingsTold; backups: readonly Backup[] }) {
  const { t, i18n } = useTranslation()
  const format = useFormat()
  const { data: meanings } = useQuery(meaningsQuery(i18n.language as Language))
  const [asked, setAsked] = useState<Setting | null>(null)
  const by = new Map(told.items.map((one) => [one.name, one]))
  const every = by.get(EVERY)
  if (!every) return null
  const hours = Number(every.written)
  const next = nextAt(backups, Number(every.value))
  const shown = [every, ...KEPT.flatMap((name) => by.get(name) ?? [])]
  return (
    <div className={css.text}>
      <div className={css.acts}>
        <strong>
          {hours > 0 ? t('backups.every', { time: format.duration(3600 * hours) }) : t('backups.never')}
        </strong>
        {shown.some((one) => one.changed) ? <StateTag look={WAITS} /> : null}
      </div>
      {next ? (
        <p className={ui.note}>
          {t('backups.next')} <Until at={next} />
        </p>
      ) : null}
      <Facts facts={KEPT.map((name) => [t(WORDS[name]), String(by.get(name)?.written ?? '')] as const)} />
      <div className={css.acts}>
        {shown.map((one) => (
          <Button
            key={one.name}
            size="compact-sm"
            variant="default"
            disabled={one.locked !== ''}
            onClick={() => setAsked(one)}
          >
            {one === every ? t('backups.how_often') : t(WORDS[one.name as (typeof KEPT)[number]])}
          </Button>
        ))}
      </div>
      <p className={ui.note}>
        <Coded text={t('backups.schedule')} />
      </p>
      {asked ? (
        <SettingDialog
          setting={asked}
          meaning={meanings?.[asked.name] ?? asked.meaning}
          revision={told.revision}
          onClose={() => setAsked(null)}
        />
      ) : null}
    </div>
  )
}

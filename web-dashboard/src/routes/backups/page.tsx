import { Button } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { Backup } from '../../api/types.ts'
import { useTitle } from '../../app/useTitle.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Ago, useNow } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { useSay } from '../../ui/notices.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { BackupTable } from './BackupTable.tsx'
import { backupsQuery, createBackup, isLastProven, newestProven } from './backups.ts'
import { HowPanels } from './HowPanels.tsx'
import { RemoveBackup } from './RemoveBackup.tsx'
import { SchedulePanel } from './SchedulePanel.tsx'

/** What could be restored if this head died now. */
export function BackupsPage() {
  const { t } = useTranslation()
  useTitle(t('nav.backups'))
  const { data: me } = useQuery(meQuery)
  return reaches(me?.user.role, 'admin') ? (
    <Everything />
  ) : (
    <>
      <PageHead title={t('nav.backups')} note={t('backups.text')} />
      <Panel id="backups" icon="archive" title={t('backups.title')}>
        <Empty title={t('backups.not')} />
      </Panel>
    </>
  )
}

function Everything() {
  const { t } = useTranslation()
  const say = useSay()
  const backups = useQuery(backupsQuery)
  const [leaving, setLeaving] = useState<Backup | null>(null)
  const making = useMutation({
    mutationFn: createBackup,
    onSuccess: ({ name }) => say(t('backups.made', { name })),
  })
  return (
    <>
      <PageHead title={t('nav.backups')} note={t('backups.text')}>
        <Button onClick={() => making.mutate()} loading={making.isPending}>
          {t('backups.make')}
        </Button>
      </PageHead>
      <div className={ui.stack}>
        {making.isPending ? <Making since={making.submittedAt / 1000} /> : null}
        {making.error ? <Failure error={making.error} /> : null}
        <Panel id="backups" icon="archive" title={t('backups.title')} flush>
          <div className={backups.data?.length ? '' : ui.pad}>
            <Asked query={backups}>
              {(all) => (all.length === 0 ? <None /> : <Kept all={all} onRemove={setLeaving} />)}
            </Asked>
          </div>
        </Panel>
        <SchedulePanel backups={backups.data ?? []} />
        <HowPanels newest={backups.data ? newestProven(backups.data)?.name : undefined} />
      </div>
      {leaving ? (
        <RemoveBackup
          name={leaving.name}
          isLastProven={isLastProven(leaving, backups.data ?? [])}
          onClose={() => setLeaving(null)}
        />
      ) : null}
    </>
  )
}

/** The API answers when it is done and proven; until then it tells no share. */
function Making({ since }: { since: number }) {
  const { t } = useTranslation()
  const format = useFormat()
  const now = useNow()
  return (
    <div className={ui.banner} data-tone="busy" role="status">
      <p>
        {t('backups.making')}{' '}
        <span aria-hidden="true">{format.duration(Math.max(0, Math.round(now - since)))}</span>
      </p>
    </div>
  )
}

function None() {
  const { t } = useTranslation()
  return (
    <div className={ui.outdent}>
      <Empty title={t('backups.none')}>{t('backups.none.hint')}</Empty>
    </div>
  )
}

function Kept({ all, onRemove }: { all: readonly Backup[]; onRemove: (backup: Backup) => void }) {
  const { t } = useTranslation()
  const format = useFormat()
  const proven = newestProven(all)
  const size = format.bytes(all.reduce((sum, one) => sum + one.size, 0))
  return (
    <>
      <p className={`${ui.note} ${ui.pad}`}>
        {t('backups.summary', { count: all.length, size })}{' '}
        {proven ? (
          <>
            {t('backups.newest')} <Ago at={proven.made_at} />
          </>
        ) : (
          t('backups.no_proven')
        )}
      </p>
      <BackupTable backups={all} onRemove={onRemove} />
    </>
  )
}

import { Button } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Backup } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Ago } from '../../ui/Ago.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { useSay } from '../../ui/notices.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import css from './backups.module.css'
import { backupLook, fileOf, verifyBackup } from './backups.ts'

interface TableProps {
  backups: readonly Backup[]
  onRemove: (backup: Backup) => void
}

const column = createColumnHelper<Backup>()

/** Each backup with its age, its size, whether it gave back what went in, and what can be done with it. */
export function BackupTable({ backups, onRemove }: TableProps) {
  const { t } = useTranslation()
  const format = useFormat()
  const columns = useMemo(
    () => [
      column.accessor('name', {
        header: t('column.name'),
        cell: ({ getValue }) => <strong className={css.name}>{getValue()}</strong>,
        meta: { card: 'bare' },
      }),
      column.accessor('verified', {
        header: t('backups.state'),
        cell: ({ row }) => <State backup={row.original} />,
        meta: { card: 'state' },
      }),
      column.accessor('made_at', {
        header: t('backups.age'),
        cell: ({ getValue }) => <Ago at={getValue()} />,
      }),
      column.accessor('size', {
        header: t('backups.size'),
        cell: ({ getValue }) => format.bytes(getValue()),
        meta: { align: 'end' },
      }),
      column.display({
        id: 'acts',
        header: t('backups.acts'),
        cell: ({ row }) => <Acts backup={row.original} onRemove={onRemove} />,
        meta: { card: 'wide' },
      }),
    ],
    [t, format, onRemove],
  )
  return <DataTable label={t('backups.title')} rows={backups} columns={columns} rowId={({ name }) => name} />
}

function State({ backup }: { backup: Backup }) {
  return (
    <>
      <StateTag look={backupLook(backup)} />
      {backup.reason ? (
        <p className={ui.note} lang="en">
          {backup.reason}
        </p>
      ) : null}
    </>
  )
}

function Acts({ backup, onRemove }: { backup: Backup; onRemove: TableProps['onRemove'] }) {
  const { t } = useTranslation()
  const say = useSay()
  const { name } = backup
  const verifying = useMutation({
    mutationFn: () => verifyBackup(name),
    onSuccess: ({ verified }) => {
      if (verified) say(t('backups.verified', { name }))
    },
  })
  return (
    <>
      <div className={css.acts}>
        <Button
          size="compact-sm"
          variant="default"
          loading={verifying.isPending}
          onClick={() => verifying.mutate()}
          aria-label={t('backups.verify_of', { name })}
        >
          {t('backups.verify')}
        </Button>
        <a
          className={ui.link}
          href={fileOf(name)}
          download={name}
          aria-label={t('backups.download_of', { name })}
        >
          {t('backups.download')}
        </a>
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => onRemove(backup)}
          aria-label={t('backups.remove_of', { name })}
        >
          {t('backups.remove')}
        </Button>
      </div>
      {verifying.error ? <Failure error={verifying.error} /> : null}
    </>
  )
}

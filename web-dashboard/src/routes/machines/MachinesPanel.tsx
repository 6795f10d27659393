import { ActionIcon, Menu } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../../api/client.ts'
import type { Machine } from '../../api/types.ts'
import { useDialogs } from '../../app/dialogs.tsx'
import { useFormat } from '../../i18n/useFormat.ts'
import { useFailureWords } from '../../ui/Failure.tsx'
import { Icon } from '../../ui/icons.tsx'
import { useSay } from '../../ui/notices.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import { TablePanel } from '../../ui/TablePanel.tsx'
import { Named } from '../overview/Named.tsx'
import { again, engineOf, machineLook } from './machines.ts'
import { whyNone } from './share.ts'

const SKEW_SECONDS = 2
const column = createColumnHelper<Machine>()

interface Props {
  machines: readonly Machine[]
  isPending: boolean
  mayChange: boolean
}

export function MachinesPanel({ machines, isPending, mayChange }: Props) {
  const { t } = useTranslation()
  const columns = useColumns(mayChange)
  return (
    <TablePanel
      id="machines"
      icon="machine"
      title={t('machines.title')}
      rows={machines}
      columns={columns}
      rowId={(machine) => machine.id}
      none={{ title: isPending ? t('machines.pending') : t('machines.none'), hint: t('machines.none.hint') }}
    />
  )
}

function useColumns(mayChange: boolean) {
  const { t } = useTranslation()
  const format = useFormat()
  return useMemo(
    () => [
      column.accessor('name', {
        header: t('column.name'),
        meta: { card: 'bare' },
        cell: ({ row }) => <Named name={row.original.name} note={noteOf(row.original)} />,
      }),
      column.accessor('state', {
        header: t('column.state'),
        meta: { card: 'state' },
        cell: ({ row }) => <StateTag look={machineLook(row.original)} />,
      }),
      column.accessor((machine) => machine.gauges?.busy ?? 0, {
        id: 'cpu',
        header: t('column.cpu'),
        meta: { align: 'end' },
        cell: ({ row }) => format.percent((row.original.gauges?.busy ?? 0) * 100),
      }),
      column.accessor((machine) => machine.gauges?.memory_used ?? 0, {
        id: 'memory',
        header: t('column.memory'),
        meta: { align: 'end' },
        cell: ({ row }) =>
          t('memory.of', {
            used: format.bytes(row.original.gauges?.memory_used ?? 0),
            total: format.bytes(row.original.inventory.memory ?? 0),
          }),
      }),
      column.accessor((machine) => machine.inventory.gpus?.length ?? 0, {
        id: 'gpu',
        header: t('column.gpu'),
        cell: ({ row }) => gpusOf(row.original, format.bytes) || '–',
      }),
      column.accessor((machine) => engineOf(machine) ?? '', {
        id: 'engine',
        header: t('column.engine'),
        meta: { minor: true },
        cell: ({ row }) => engineOf(row.original) ?? '–',
      }),
      column.accessor((machine) => machine.share?.workers ?? undefined, {
        id: 'workers',
        header: t('column.workers'),
        meta: { minor: true },
        sortUndefined: 'last',
        cell: ({ row }) => <Workers share={row.original.share} />,
      }),
      column.accessor((machine) => machine.reachable ?? undefined, {
        id: 'reached',
        header: t('column.reached'),
        sortUndefined: 'last',
        cell: ({ row }) => <Reached machine={row.original} />,
      }),
      column.accessor((machine) => machine.seen_seconds ?? undefined, {
        id: 'seen',
        header: t('column.seen'),
        meta: { align: 'end', minor: true },
        sortUndefined: 'last',
        cell: ({ row }) => {
          const age = row.original.seen_seconds
          if (age === null || age === undefined) return t('nodes.never')
          return age < SKEW_SECONDS ? t('time.now') : t('time.ago', { age: format.duration(Math.round(age)) })
        },
      }),
      ...(mayChange
        ? [
            column.display({
              id: 'actions',
              header: t('column.actions'),
              meta: { align: 'end', card: 'bare' },
              cell: ({ row }) => <Actions machine={row.original} />,
            }),
          ]
        : []),
    ],
    [t, format, mayChange],
  )
}

const noteOf = (machine: Machine) => [machine.addresses?.[0], ...(machine.labels ?? [])].join(' · ')

function gpusOf(machine: Machine, bytes: (value: number) => string): string {
  return (machine.inventory.gpus ?? [])
    .map((gpu) => `${gpu.name || gpu.vendor}${gpu.memory ? ` ${bytes(gpu.memory)}` : ''}`)
    .join(', ')
}

function Workers({ share }: { share: Machine['share'] }) {
  const { t } = useTranslation()
  const format = useFormat()
  if (!share) return '–'
  const why = whyNone(share.why_none)
  if (share.workers === 0) return <span title={why ? t(why) : share.why_none}>{t('workers.no')}</span>
  const { workers, threads, memory } = share
  return (
    <span title={t('workers.share', { threads: String(threads), memory: format.bytes(memory ?? 0) })}>
      {workers} × {threads}
    </span>
  )
}

function Reached({ machine }: { machine: Machine }) {
  const { t } = useTranslation()
  if (machine.reachable === true)
    return <StateTag look={{ tone: 'ok', icon: 'check', word: 'machine.reached' }} plain />
  if (machine.reachable === false) {
    return (
      <span title={machine.unreachable_because}>
        <StateTag look={{ tone: 'bad', icon: 'cross', word: 'machine.unreached' }} plain />
      </span>
    )
  }
  return t('machine.untried')
}

function Actions({ machine }: { machine: Machine }) {
  const { t } = useTranslation()
  const say = useSay()
  const dialogs = useDialogs()
  const act = useMutation({
    mutationFn: (body: { cordoned?: boolean; draining?: boolean }) =>
      sent(api.PATCH('/api/v1/machines/{name}', { params: { path: { name: machine.name } }, body })),
    onSuccess: () => again('machines'),
  })
  const failure = useFailureWords(act.error)
  if (act.error && !act.isPaused) queueMicrotask(() => say(failure.title))
  const rests = machine.cordoned || machine.draining
  return (
    <Menu position="bottom-end" shadow="md" radius={12} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={t('machine.actions', { name: machine.name })}>
          <Icon name="menu" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {rests ? (
          <Menu.Item onClick={() => act.mutate({ cordoned: false, draining: false })}>
            {t('machine.uncordon')}
          </Menu.Item>
        ) : (
          <>
            <Menu.Item onClick={() => act.mutate({ cordoned: true })}>{t('machine.cordon')}</Menu.Item>
            <Menu.Item onClick={() => act.mutate({ draining: true })}>{t('machine.drain')}</Menu.Item>
          </>
        )}
        <Menu.Item
          c="var(--bad)"
          onClick={() => dialogs.open({ kind: 'remove-machine', name: machine.name })}
        >
          {t('machine.remove')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

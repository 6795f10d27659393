import { ActionIcon, Button, Menu } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { ApiKey } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Ago, Until } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { Command } from '../../ui/Command.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { Named } from '../overview/Named.tsx'
import { peopleQuery } from '../people/people.ts'
import css from './gateway.module.css'
import { keyLook, keysQuery, LIMITS, PRIORITY } from './gateway.ts'
import type { KeyAsk } from './KeyDialogs.tsx'

/** A key that was just made, with its secret. */
export interface Made {
  name: string
  secret: string
  /** The key that it stands for, when that one was replaced. */
  replaced: ApiKey | null
}

interface Props {
  made: Made | null
  onAsk: (ask: KeyAsk) => void
}

/** Who may use the gateway: one's own keys, everybody's for an administrator. */
export function KeysPanel({ made, onAsk }: Props) {
  const { t } = useTranslation()
  const { data: me } = useQuery(meQuery)
  const isAdmin = reaches(me?.user.role, 'admin')
  const mayRead = reaches(me?.user.role, 'user')
  const keys = useQuery({ ...keysQuery, enabled: mayRead })
  return (
    <Panel
      id="keys"
      icon="key"
      title={t('gateway.keys')}
      note={isAdmin ? t('gateway.keys.all') : mayRead ? t('gateway.keys.own') : undefined}
      flush
    >
      {made ? (
        <div className={ui.pad}>
          <MadeKeyNote made={made} onAsk={onAsk} />
        </div>
      ) : null}
      {mayRead ? (
        <Asked query={keys}>
          {(all) =>
            all.length === 0 ? (
              <Empty title={t('gateway.keys.none')}>
                {isAdmin ? t('gateway.keys.none.hint') : t('gateway.keys.none.ask')}
              </Empty>
            ) : (
              <Keys keys={all} isAdmin={isAdmin} onAsk={onAsk} />
            )
          }
        </Asked>
      ) : (
        <Empty title={t('gateway.keys.not')} />
      )}
    </Panel>
  )
}

/** The secret, this once; and the way to end what it replaces. */
function MadeKeyNote({ made, onAsk }: { made: Made; onAsk: Props['onAsk'] }) {
  const { t } = useTranslation()
  const { name, secret, replaced } = made
  return (
    <div className={css.made} role="status">
      <strong>{t('gateway.key.made', { name })}</strong>
      <p>{t('gateway.key.made.text')}</p>
      <Command value={secret} />
      {replaced ? (
        <>
          <p>{t('gateway.key.rotated.text', { name: replaced.name })}</p>
          <Button
            size="compact-sm"
            variant="default"
            onClick={() => onAsk({ kind: 'revoke', apiKey: replaced })}
          >
            {t('gateway.key.revoke_old', { name: replaced.name })}
          </Button>
        </>
      ) : null}
    </div>
  )
}

const column = createColumnHelper<ApiKey>()
const NOBODY: readonly { name: string; disabled: boolean }[] = []

interface KeysProps {
  keys: readonly ApiKey[]
  isAdmin: boolean
  onAsk: Props['onAsk']
}

function Keys({ keys, isAdmin, onAsk }: KeysProps) {
  const { t } = useTranslation()
  const columns = useMemo(
    () => [
      column.accessor('name', {
        header: t('column.name'),
        meta: { card: 'bare' },
        cell: ({ row }) => <Named name={row.original.name} note={`${row.original.prefix}…`} />,
      }),
      column.accessor('state', {
        header: t('column.state'),
        meta: { card: 'state' },
        cell: ({ row }) => <KeyState apiKey={row.original} isAdmin={isAdmin} />,
      }),
      ...(isAdmin
        ? [
            column.accessor('owner', {
              header: t('column.owner'),
              cell: ({ getValue }) => getValue() || t('gateway.key.machine'),
            }),
          ]
        : []),
      column.accessor((key) => key.models.join(', '), {
        id: 'models',
        header: t('column.models'),
        cell: ({ getValue }) => getValue() || t('gateway.key.every_model'),
      }),
      column.accessor((key) => Object.values(key.limits).reduce((sum, one) => sum + one, 0), {
        id: 'limits',
        header: t('gateway.limits'),
        cell: ({ row }) => <LimitWords limits={row.original.limits} />,
      }),
      column.accessor('priority', {
        header: t('column.priority'),
        meta: { minor: true },
        cell: ({ getValue }) => t(PRIORITY[getValue()]),
      }),
      column.accessor((key) => key.last_used_at ?? undefined, {
        id: 'used',
        header: t('gateway.key.used'),
        meta: { align: 'end', minor: true },
        sortUndefined: 'last',
        cell: ({ row: { original: key } }) =>
          key.last_used_at == null ? t('nodes.never') : <Ago at={key.last_used_at} />,
      }),
      column.accessor((key) => key.expires_at ?? undefined, {
        id: 'expires',
        header: t('gateway.key.expires'),
        meta: { align: 'end' },
        sortUndefined: 'last',
        cell: ({ row: { original: key } }) =>
          key.expires_at == null ? t('nodes.never') : <Until at={key.expires_at} />,
      }),
      column.display({
        id: 'actions',
        header: t('column.actions'),
        meta: { align: 'end', card: 'bare' },
        cell: ({ row }) =>
          row.original.state === 'active' ? (
            <KeyMenu apiKey={row.original} isAdmin={isAdmin} onAsk={onAsk} />
          ) : null,
      }),
    ],
    [t, isAdmin, onAsk],
  )
  const newest = useMemo(
    () =>
      [...keys].sort(
        (one, other) =>
          Number(one.state !== 'active') - Number(other.state !== 'active') ||
          other.created_at - one.created_at,
      ),
    [keys],
  )
  return <DataTable label={t('gateway.keys')} rows={newest} columns={columns} rowId={(key) => key.id} />
}

/** Asks for itself: columns that change close the menus in them. */
function KeyState({ apiKey, isAdmin }: { apiKey: ApiKey; isAdmin: boolean }) {
  const { data: people = NOBODY } = useQuery({ ...peopleQuery, enabled: isAdmin })
  const isShutOut = people.some((person) => person.disabled && person.name === apiKey.owner)
  return <StateTag look={keyLook(apiKey, isShutOut)} />
}

function LimitWords({ limits }: { limits: ApiKey['limits'] }) {
  const { t } = useTranslation()
  const format = useFormat()
  const set = (Object.keys(LIMITS) as (keyof typeof LIMITS)[]).filter((name) => limits[name] > 0)
  if (set.length === 0) return t('gateway.limit.none')
  return set.map((name) => `${format.number(limits[name], 0)} ${t(LIMITS[name])}`).join(', ')
}

interface MenuProps {
  apiKey: ApiKey
  isAdmin: boolean
  onAsk: Props['onAsk']
}

function KeyMenu({ apiKey, isAdmin, onAsk }: MenuProps) {
  const { t } = useTranslation()
  return (
    <Menu position="bottom-end" shadow="md" radius={12} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={t('machine.actions', { name: apiKey.name })}>
          <Icon name="menu" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {isAdmin ? (
          <>
            <Menu.Item onClick={() => onAsk({ kind: 'change', apiKey })}>{t('gateway.key.change')}</Menu.Item>
            <Menu.Item onClick={() => onAsk({ kind: 'rotate', apiKey })}>{t('gateway.key.rotate')}</Menu.Item>
          </>
        ) : null}
        <Menu.Item c="var(--bad)" onClick={() => onAsk({ kind: 'revoke', apiKey })}>
          {t('gateway.key.revoke')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

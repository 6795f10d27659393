import { Button } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../../api/client.ts'
import type { Invitation, Machine } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Command } from '../../ui/Command.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Panel } from '../../ui/Panel.tsx'
import css from './machines.module.css'
import { again, invitationsQuery, type Step, stepsOf } from './machines.ts'

/** A line to paste on another machine, the same as a picture, and what happens while it joins. */
export function AddPanel({ machines }: { machines: readonly Machine[] }) {
  const { t } = useTranslation()
  const making = useMutation({
    mutationFn: () => sent(api.POST('/api/v1/invitations', { body: { labels: [] } })),
    onSuccess: () => again('invitations'),
  })
  const { data: invitations } = useQuery(invitationsQuery)
  const made = making.data
  const current = invitations?.find((one) => one.id === made?.invitation.id) ?? made?.invitation
  return (
    <Panel
      id="add"
      icon="plus"
      title={t('add.title')}
      end={
        <Button size="compact-sm" onClick={() => making.mutate()} loading={making.isPending}>
          {made ? t('add.another') : t('add.make')}
        </Button>
      }
    >
      {making.error ? <Failure error={making.error} /> : null}
      {made && current ? (
        <div className={css.joining}>
          <div className={css.line}>
            <p>{t('add.paste')}</p>
            <Command value={made.command} />
            <Steps steps={stepsOf(current.used_by ?? '', machines)} />
          </div>
          <img
            className={css.qr}
            alt={t('add.qr')}
            src={`data:image/svg+xml;utf8,${encodeURIComponent(made.qr)}`}
          />
        </div>
      ) : (
        <p className={css.quiet}>{t('add.text')}</p>
      )}
      <Open rows={(invitations ?? []).filter((one) => one.state === 'open')} />
    </Panel>
  )
}

const ICONS = { done: 'check', waiting: 'clock', failed: 'cross' } as const
const WORDS = { done: 'step.done', waiting: 'step.waiting', failed: 'step.failed' } as const
const TONES = { done: 'ok', waiting: 'idle', failed: 'bad' } as const

function Steps({ steps }: { steps: readonly Step[] }) {
  const { t } = useTranslation()
  return (
    <ol className={css.steps} aria-label={t('add.steps')}>
      {steps.map((step) => (
        <li key={step.word} data-tone={TONES[step.state]}>
          <Icon name={ICONS[step.state]} size={16} />
          <span>
            {t(step.word)} <span className={css.stepState}>{t(WORDS[step.state])}</span>
          </span>
          {step.note ? <span className={css.quiet}>{step.note}</span> : null}
        </li>
      ))}
    </ol>
  )
}

/** Lines that somebody could still join by. */
function Open({ rows }: { rows: readonly Invitation[] }) {
  const { t } = useTranslation()
  const format = useFormat()
  const revoking = useMutation({
    mutationFn: (invitation: string) =>
      sent(api.DELETE('/api/v1/invitations/{invitation}', { params: { path: { invitation } } })),
    onSuccess: () => again('invitations'),
  })
  if (rows.length === 0) return null
  return (
    <>
      <h3 className={css.openTitle}>{t('add.open')}</h3>
      {revoking.error ? <Failure error={revoking.error} /> : null}
      <ul className={css.open}>
        {rows.map((one) => (
          <li key={one.id}>
            <code>{one.id}</code>
            <span className={css.quiet}>{t('add.until', { time: format.time(one.expires_at) })}</span>
            <Button size="compact-sm" variant="default" onClick={() => revoking.mutate(one.id)}>
              {t('add.revoke')}
            </Button>
          </li>
        ))}
      </ul>
    </>
  )
}

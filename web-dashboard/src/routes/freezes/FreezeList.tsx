import { Button } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../../api/client.ts'
import { meQuery, queries, reaches } from '../../api/session.ts'
import type { Freeze, Override } from '../../api/types.ts'
import { useDialogs } from '../../app/dialogs.tsx'
import { ACTIONS } from '../../app/freezes.ts'
import type { Key } from '../../i18n/index.ts'
import { Ago, Until, When } from '../../ui/Ago.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import css from './freezes.module.css'
import { freezeLook, openOverrides } from './queries.ts'

/** Freezes with why, since when, what they refuse, and what was done about them. */
export function FreezeList({ freezes, mayAct = true }: { freezes: readonly Freeze[]; mayAct?: boolean }) {
  return (
    <ul className={css.freezes}>
      {freezes.map((freeze) => (
        <FreezeRow key={freeze.event_id} freeze={freeze} mayAct={mayAct} />
      ))}
    </ul>
  )
}

const ENDINGS: Record<string, Key> = {
  auto: 'freeze.by_budget',
  manual: 'freeze.by_hand',
  objective: 'freeze.by_objective',
  policy: 'freeze.by_policy',
}

function FreezeRow({ freeze, mayAct }: { freeze: Freeze; mayAct: boolean }) {
  const { t } = useTranslation()
  const ending = ENDINGS[freeze.resolution ?? '']
  return (
    <li className={css.freeze}>
      <div className={css.head}>
        <StateTag look={freezeLook(freeze)} />
        <strong>{freeze.policy_name || freeze.policy_id}</strong>
        <Link to="/objectives/$sloId" params={{ sloId: freeze.slo_id }} className={ui.link}>
          {freeze.slo_id}
        </Link>
        {freeze.active && mayAct ? <Actions freeze={freeze} /> : null}
      </div>
      {freeze.reason ? <p lang="en">{freeze.reason}</p> : null}
      <p className={ui.note}>
        {t('freeze.refuses', { what: (freeze.actions ?? []).map((one) => t(ACTIONS[one])).join(', ') })}{' '}
        {freeze.scope === 'GLOBAL' ? t('freeze.everything') : freeze.target}
      </p>
      <p className={ui.note}>
        {t('freeze.since')} <Ago at={freeze.triggered_at} />
        {freeze.active ? (
          <>
            {' · '}
            {t('freeze.not_before')} <Until at={freeze.not_before} />
          </>
        ) : null}
        {freeze.resolved_at == null ? null : (
          <>
            {' · '}
            {t('freeze.ended')} <When at={freeze.resolved_at} />
            {freeze.resolved_by ? ` (${freeze.resolved_by})` : ''}
            {ending ? `: ${t(ending)}` : freeze.resolution ? `: ${freeze.resolution}` : ''}
          </>
        )}
      </p>
      <Overrides freeze={freeze} mayAct={mayAct} />
    </li>
  )
}

function Overrides({ freeze, mayAct }: { freeze: Freeze; mayAct: boolean }) {
  const { t } = useTranslation()
  const waiting = new Set(openOverrides(freeze, Date.now() / 1000).map((one) => one.override_id))
  if (!freeze.overrides?.length) return null
  return (
    <ul className={css.overrides}>
      {freeze.overrides.map((one) => (
        <li key={one.override_id}>
          <span>
            {t('override.by', { who: one.requested_by, reason: one.reason })}{' '}
            {one.in_force ? (
              <>
                {t('override.until')} <Until at={one.expires_at} />
              </>
            ) : waiting.has(one.override_id) ? (
              t('override.waits')
            ) : (
              t('override.over')
            )}
            {one.approved_by ? ` · ${t('override.approved', { who: one.approved_by })}` : ''}
          </span>
          {mayAct && waiting.has(one.override_id) ? <Approve freeze={freeze} override={one} /> : null}
        </li>
      ))}
    </ul>
  )
}

/** A second administrator agrees; nobody to what they asked for themselves. */
function Approve({ freeze, override }: { freeze: Freeze; override: Override }) {
  const { t } = useTranslation()
  const { data: me } = useQuery(meQuery)
  const approving = useMutation({
    mutationFn: () =>
      sent(
        api.POST('/api/v1/policies/freezes/{event_id}/override/{override_id}/approve', {
          params: { path: { event_id: freeze.event_id, override_id: override.override_id } },
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['freezes'] }),
  })
  if (!reaches(me?.user.role, 'admin') || me?.user.name === override.requested_by) return null
  return (
    <>
      <Button size="compact-sm" loading={approving.isPending} onClick={() => approving.mutate()}>
        {t('override.approve')}
      </Button>
      {approving.error ? <Failure error={approving.error} /> : null}
    </>
  )
}

function Actions({ freeze }: { freeze: Freeze }) {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const { data: me } = useQuery(meQuery)
  if (!reaches(me?.user.role, 'admin')) return null
  const about = { eventId: freeze.event_id, sloId: freeze.slo_id }
  return (
    <span className={css.acts}>
      <Button
        size="compact-sm"
        variant="default"
        onClick={() => dialogs.open({ kind: 'override', ...about })}
      >
        {t('freeze.override')}
      </Button>
      {freeze.scope === 'GLOBAL' ? null : (
        <Button size="compact-sm" variant="default" onClick={() => dialogs.open({ kind: 'lift', ...about })}>
          {t('freeze.lift')}
        </Button>
      )}
    </span>
  )
}

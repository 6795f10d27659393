import { Button } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../../api/client.ts'
import { ApiError } from '../../api/errors.ts'
import { queries } from '../../api/session.ts'
import type { Silence } from '../../api/types.ts'
import { useDialogs } from '../../app/dialogs.tsx'
import { Until } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import css from './objectives.module.css'
import { silencesOf, silencesQuery } from './objectives.ts'

/** Which of its alerts are quiet, as the Alertmanager has it. */
export function SilencesPanel({ sloId, mayWrite }: { sloId: string; mayWrite: boolean }) {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const query = useQuery(silencesQuery)
  // Without an Alertmanager there is nothing to be quiet.
  const isAway = query.error instanceof ApiError && query.error.code === 'no_alertmanager'
  return (
    <Panel
      id="silences"
      icon="bell"
      title={t('silences.title')}
      end={
        mayWrite && query.data ? (
          <Button
            size="compact-sm"
            variant="default"
            onClick={() => dialogs.open({ kind: 'silence', sloId })}
          >
            {t('silence.add')}
          </Button>
        ) : null
      }
    >
      {isAway ? (
        <div className={ui.outdent}>
          <Empty title={t('silences.away')}>{t('silences.away.hint')}</Empty>
        </div>
      ) : (
        <Asked query={query}>
          {(silences) => <Shown silences={silencesOf(silences, sloId)} mayWrite={mayWrite} />}
        </Asked>
      )}
    </Panel>
  )
}

function Shown({ silences, mayWrite }: { silences: readonly Silence[]; mayWrite: boolean }) {
  const { t } = useTranslation()
  if (silences.length === 0) {
    return (
      <div className={ui.outdent}>
        <Empty title={t('silences.none')} />
      </div>
    )
  }
  return (
    <ul className={css.silences}>
      {silences.map((one) => (
        <SilenceRow key={one.id} silence={one} mayWrite={mayWrite} />
      ))}
    </ul>
  )
}

function SilenceRow({ silence, mayWrite }: { silence: Silence; mayWrite: boolean }) {
  const { t } = useTranslation()
  const ending = useMutation({
    mutationFn: () =>
      sent(api.DELETE('/api/v1/silences/{silence_id}', { params: { path: { silence_id: silence.id } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['silences'] }),
  })
  const end = Date.parse(silence.endsAt ?? '') / 1000
  return (
    <li>
      <div>
        <strong>{silence.comment || silence.id}</strong>
        <p className={ui.note}>
          {silence.createdBy}
          {Number.isFinite(end) ? (
            <>
              {' · '}
              {t('silence.ends')} <Until at={end} />
            </>
          ) : null}
        </p>
        {ending.error ? <Failure error={ending.error} /> : null}
      </div>
      {mayWrite ? (
        <Button
          size="compact-sm"
          variant="default"
          loading={ending.isPending}
          onClick={() => ending.mutate()}
        >
          {t('silence.end')}
        </Button>
      ) : null}
    </li>
  )
}

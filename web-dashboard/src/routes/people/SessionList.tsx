import { Button } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Ago } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { Empty } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { deviceOf } from './devices.ts'
import css from './people.module.css'
import { endSession, endSessions, sessionsQuery } from './people.ts'

/** Where somebody is signed in, and the way to end that; of oneself when `user` is empty. */
export function SessionList({ user = '' }: { user?: string }) {
  const { t } = useTranslation()
  const sessions = useQuery(sessionsQuery(user))
  const ending = useMutation({
    mutationFn: (id: string) => (id ? endSession(user, id) : endSessions(user)),
  })
  return (
    <Asked query={sessions}>
      {(all) =>
        all.length === 0 ? (
          <Empty title={t('sessions.none')} />
        ) : (
          <>
            <ul className={css.people}>
              {all.map((one) => (
                <li key={one.id} className={css.person}>
                  <div className={css.head}>
                    <strong title={one.agent}>{deviceOf(one.agent) || t('sessions.unnamed')}</strong>
                    <span>{one.address}</span>
                    {one.current ? (
                      <span className={ui.note}>{t('sessions.this')}</span>
                    ) : (
                      <Button
                        size="compact-sm"
                        variant="default"
                        disabled={ending.isPending}
                        onClick={() => ending.mutate(one.id)}
                      >
                        {t('sessions.end')}
                      </Button>
                    )}
                  </div>
                  <p className={ui.note}>
                    {t('people.created')} <Ago at={one.created_at} />
                    {' · '}
                    {t('people.seen')} <Ago at={one.seen_at} />
                  </p>
                </li>
              ))}
            </ul>
            {ending.error ? <Failure error={ending.error} /> : null}
            {all.some((one) => !one.current) ? (
              <Button
                size="compact-sm"
                variant="default"
                disabled={ending.isPending}
                onClick={() => ending.mutate('')}
              >
                {user ? t('sessions.end_all') : t('sessions.end_others')}
              </Button>
            ) : null}
          </>
        )
      }
    </Asked>
  )
}

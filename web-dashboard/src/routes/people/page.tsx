import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import { useDialogs } from '../../app/dialogs.tsx'
import { useTitle } from '../../app/useTitle.ts'
import { Asked } from '../../ui/Asked.tsx'
import { Command } from '../../ui/Command.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { PeopleList } from './PeopleList.tsx'
import { type PersonAsk, PersonDialog } from './PersonDialogs.tsx'
import { peopleQuery } from './people.ts'
import { SessionList } from './SessionList.tsx'

/** Who may sign in, and as what. */
export function PeoplePage() {
  const { t } = useTranslation()
  useTitle(t('nav.people'))
  const dialogs = useDialogs()
  const { data: me } = useQuery(meQuery)
  const [ask, setAsk] = useState<PersonAsk | null>(null)
  const [told, setTold] = useState<{ name: string; password: string } | null>(null)
  const mayAct = reaches(me?.user.role, 'admin')
  return (
    <>
      <PageHead title={t('nav.people')} note={t('people.text')}>
        <Button variant="default" onClick={() => dialogs.open({ kind: 'password' })}>
          {t('account.password')}
        </Button>
        <Button variant="default" onClick={() => dialogs.open({ kind: 'second-factor' })}>
          {t('factor.title')}
        </Button>
        {mayAct ? <Button onClick={() => setAsk({ kind: 'add' })}>{t('people.add')}</Button> : null}
      </PageHead>
      <div className={ui.stack}>
        {told ? (
          <Panel id="made" icon="key" title={t('people.made', { name: told.name })}>
            <p>{t('people.made.text')}</p>
            <Command value={told.password} />
          </Panel>
        ) : null}
        <Panel id="people" icon="user" title={t('people.title')} flush>
          <div className={ui.pad}>
            {mayAct ? <Everybody onAsk={setAsk} /> : <Empty title={t('people.not')} />}
          </div>
        </Panel>
        <Panel id="sessions" icon="key" title={t('sessions.own')} flush>
          <div className={ui.pad}>
            <SessionList />
          </div>
        </Panel>
      </div>
      {ask ? (
        <PersonDialog
          key={JSON.stringify(ask)}
          ask={ask}
          onPassword={(name, password) => setTold({ name, password })}
          onClose={() => setAsk(null)}
        />
      ) : null}
    </>
  )
}

function Everybody({ onAsk }: { onAsk: (ask: PersonAsk) => void }) {
  const { t } = useTranslation()
  const people = useQuery(peopleQuery)
  return (
    <Asked query={people}>
      {(all) => (
        <>
          <PeopleList people={all} onAsk={onAsk} />
          {all.length === 1 ? <Empty title={t('people.none')}>{t('people.none.hint')}</Empty> : null}
        </>
      )}
    </Asked>
  )
}

import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import { useOverview } from '../../api/useLive.ts'
import { useDialogs } from '../../app/dialogs.tsx'
import { useTitle } from '../../app/useTitle.ts'
import { Asked } from '../../ui/Asked.tsx'
import { Coded } from '../../ui/Coded.tsx'
import { Icon } from '../../ui/icons.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import type { Look } from '../../ui/states.ts'
import ui from '../../ui/ui.module.css'
import { putAway } from './away.ts'
import css from './setup.module.css'
import { factsQuery, type Step, type StepName, stepsOf } from './setup.ts'

const DONE: Look = { tone: 'ok', icon: 'check', word: 'setup.done' }
const OPEN: Look = { tone: 'idle', icon: 'clock', word: 'setup.open' }

/** From a cluster that has just begun to one that others can rely on; what is done is seen from the cluster itself. */
export function SetupPage() {
  const { t } = useTranslation()
  useTitle(t('nav.setup'))
  const { data: me } = useQuery(meQuery)
  return (
    <>
      <PageHead title={t('nav.setup')} note={t('setup.note')} />
      <div className={ui.stack}>
        {me && reaches(me.user.role, 'admin') ? (
          <Steps name={me.user.name} />
        ) : (
          <Panel id="steps" icon="flag" title={t('nav.setup')}>
            <Empty title={t('setup.not')} />
          </Panel>
        )}
      </div>
    </>
  )
}

function Steps({ name }: { name: string }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const facts = useQuery(factsQuery(name))
  const overview = useOverview()
  const steps = facts.data && overview ? stepsOf(facts.data, overview) : []
  const done = steps.filter((step) => step.isDone).length
  return (
    <Panel
      id="steps"
      icon="flag"
      title={t('setup.title')}
      note={steps.length > 0 ? t('setup.count', { done, all: steps.length }) : null}
      flush
    >
      <Asked query={facts}>
        {() => (
          <>
            <ol className={css.steps}>
              {steps.map((step) => (
                <OneStep key={step.name} step={step} />
              ))}
            </ol>
            <p className={css.away}>
              <Button
                size="compact-sm"
                variant="subtle"
                onClick={() => {
                  putAway(true)
                  navigate({ to: '/' })
                }}
              >
                {t('setup.away')}
              </Button>
            </p>
          </>
        )}
      </Asked>
    </Panel>
  )
}

function OneStep({ step }: { step: Step }) {
  const { t } = useTranslation()
  return (
    <li className={css.step}>
      <Icon name={step.icon} size={20} />
      <div className={css.words}>
        <div className={css.line}>
          <h3>{t(step.title)}</h3>
          <StateTag look={step.isDone ? DONE : OPEN} />
        </div>
        <p>
          <Coded text={t(step.text)} />
        </p>
      </div>
      <div className={css.act}>
        <Act name={step.name} isDone={step.isDone} />
      </div>
    </li>
  )
}

/** Where the step is taken. One that is done can be looked at again. */
function Act({ name, isDone }: { name: StepName; isDone: boolean }) {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const look = { size: 'compact-md', variant: isDone ? 'default' : 'filled' } as const
  const acts: Record<StepName, ReactNode> = {
    password: (
      <Button {...look} onClick={() => dialogs.open({ kind: 'password' })}>
        {t('setup.password.do')}
      </Button>
    ),
    chat: (
      <Button {...look} component={Link} to="/chat">
        {t('setup.chat.do')}
      </Button>
    ),
    model: (
      <Button {...look} component={Link} to="/models">
        {t('setup.model.do')}
      </Button>
    ),
    machine: (
      <Button {...look} component={Link} to="/machines">
        {t('setup.machine.do')}
      </Button>
    ),
    client: (
      <Button {...look} component={Link} to="/gateway">
        {t('setup.client.do')}
      </Button>
    ),
    objective: (
      <Button {...look} component={Link} to="/objectives/new">
        {t('setup.objective.do')}
      </Button>
    ),
    plan: (
      <Button {...look} component={Link} to="/plans/new">
        {t('setup.plan.do')}
      </Button>
    ),
    backup: (
      <Button {...look} component={Link} to="/backups">
        {t('setup.backup.do')}
      </Button>
    ),
  }
  return acts[name]
}

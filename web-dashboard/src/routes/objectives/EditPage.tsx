import { Button, SegmentedControl, Textarea } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../../api/client.ts'
import { ApiError } from '../../api/errors.ts'
import { meQuery, queries, reaches } from '../../api/session.ts'
import type { Objective } from '../../api/types.ts'
import { useTitle } from '../../app/useTitle.ts'
import { Asked } from '../../ui/Asked.tsx'
import { FieldProblems } from '../../ui/FieldProblems.tsx'
import { useSay } from '../../ui/notices.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { ObjectiveForm } from './ObjectiveForm.tsx'
import css from './objectives.module.css'
import { FRESH, sloQuery, type Tagged } from './objectives.ts'

const again = () =>
  Promise.all(['slos', 'budgets', 'policies'].map((key) => queries.invalidateQueries({ queryKey: [key] })))

/** A new objective, by form or as an OpenSLO document. */
export function NewObjectivePage() {
  const { t } = useTranslation()
  useTitle(t('objectives.new'))
  const navigate = useNavigate()
  const { data: me } = useQuery(meQuery)
  const { by = 'form' } = useSearch({ strict: false }) as { by?: 'yaml' }
  const mayImport = reaches(me?.user.role, 'admin')
  const isYaml = by === 'yaml' && mayImport
  return (
    <>
      <PageHead
        up={
          <Link to="/objectives" className={ui.link}>
            {t('nav.objectives')}
          </Link>
        }
        title={t('objectives.new')}
      >
        {mayImport ? (
          <SegmentedControl
            value={isYaml ? 'yaml' : 'form'}
            onChange={(chosen) =>
              void navigate({ to: '/objectives/new', search: chosen === 'yaml' ? { by: 'yaml' } : {} })
            }
            aria-label={t('slo.by')}
            data={[
              { value: 'form', label: t('slo.by.form') },
              { value: 'yaml', label: 'OpenSLO' },
            ]}
          />
        ) : null}
      </PageHead>
      {isYaml ? <YamlForm /> : <NewForm />}
    </>
  )
}

function NewForm() {
  const { t } = useTranslation()
  const say = useSay()
  const navigate = useNavigate()
  const making = useMutation({
    mutationFn: (objective: Objective) => sent(api.POST('/api/v1/slos', { body: objective })),
    onSuccess: async (made) => {
      say(t('slo.made', { name: made.objective.name }))
      await again()
      await navigate({ to: '/objectives/$sloId', params: { sloId: made.slo_id } })
    },
  })
  return (
    <Panel id="objective" icon="target" title={t('slo.form')}>
      <ObjectiveForm
        start={FRESH}
        submit={t('slo.make')}
        isSending={making.isPending}
        error={making.error}
        onSubmit={(objective) => making.mutate(objective)}
      />
    </Panel>
  )
}

/** Another definition in the place of one. */
export function EditObjectivePage() {
  const { t } = useTranslation()
  useTitle(t('slo.change'))
  const { sloId } = useParams({ strict: false }) as { sloId: string }
  // Not asked again while somebody writes: the change would then overlook what came meanwhile.
  const query = useQuery({ ...sloQuery(sloId), refetchInterval: false, staleTime: 0 })
  return (
    <>
      <PageHead
        up={
          <Link to="/objectives/$sloId" params={{ sloId }} className={ui.link}>
            {sloId}
          </Link>
        }
        title={t('slo.change')}
      />
      <Asked query={query}>{(tagged) => <ChangeForm tagged={tagged} />}</Asked>
    </>
  )
}

function ChangeForm({ tagged }: { tagged: Tagged }) {
  const { t } = useTranslation()
  const say = useSay()
  const navigate = useNavigate()
  // What the form began with is what it changes.
  const [{ slo, tag }] = useState(tagged)
  const changing = useMutation({
    mutationFn: (objective: Objective) =>
      sent(
        api.PUT('/api/v1/slos/{slo_id}', {
          params: { path: { slo_id: slo.slo_id }, ...(tag ? { header: { 'If-Match': tag } } : {}) },
          body: objective,
        }),
      ),
    onSuccess: async () => {
      say(t('slo.changed', { name: slo.objective.name }))
      await again()
      await navigate({ to: '/objectives/$sloId', params: { sloId: slo.slo_id } })
    },
  })
  const isOld = changing.error instanceof ApiError && changing.error.status === 412
  return (
    <Panel id="objective" icon="target" title={t('slo.form')}>
      <ObjectiveForm
        start={slo.objective}
        submit={t('slo.save')}
        isSending={changing.isPending}
        error={changing.error}
        onSubmit={(objective) => changing.mutate(objective)}
      />
      {isOld ? <p className={ui.note}>{t('slo.changed_meanwhile')}</p> : null}
    </Panel>
  )
}

/** OpenSLO documents, taken as they are: all of them or none. */
function YamlForm() {
  const { t } = useTranslation()
  const [yaml, setYaml] = useState('')
  const taking = useMutation({
    mutationFn: () => sent(api.POST('/api/v1/slos/import/openslo', { body: { yaml } })),
    onSuccess: again,
  })
  const done = taking.data
  return (
    <Panel id="openslo" icon="lines" title="OpenSLO">
      <div className={css.form}>
        <p className={ui.note}>{t('openslo.text')}</p>
        <Textarea
          label={t('openslo.documents')}
          value={yaml}
          onChange={(event) => setYaml(event.currentTarget.value)}
          autosize
          minRows={14}
          maxRows={30}
          spellCheck={false}
          placeholder={OPENSLO}
          classNames={{ input: css.yaml ?? '' }}
        />
        {taking.error ? <FieldProblems error={taking.error} /> : null}
        {done ? (
          <div role="status" className={ui.note}>
            <p>
              {t('openslo.done', {
                objectives: done.objectives?.length ?? 0,
                policies: done.policies?.length ?? 0,
              })}
            </p>
            <ul>
              {(done.objectives ?? []).map((slo) => (
                <li key={slo.slo_id}>
                  <Link to="/objectives/$sloId" params={{ sloId: slo.slo_id }} className={ui.link}>
                    {slo.objective.name}
                  </Link>
                </li>
              ))}
            </ul>
            {Object.entries(done.left_out ?? {}).map(([name, why]) => (
              <p key={name} lang="en">
                {name}: {why}
              </p>
            ))}
          </div>
        ) : null}
        <div className={css.acts}>
          <Button onClick={() => taking.mutate()} loading={taking.isPending} disabled={yaml.trim() === ''}>
            {t('openslo.take')}
          </Button>
        </div>
      </div>
    </Panel>
  )
}

const OPENSLO = `apiVersion: openslo/v1
kind: SLO
metadata:
  name: chat
  displayName: Chats are answered
spec:
  service: gateway
  indicator:
    metadata: {name: chat}
    spec:
      ratioMetric:
        counter: true
        total: {metricSource: {type: cluster-ai, spec: {source: gateway}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
`

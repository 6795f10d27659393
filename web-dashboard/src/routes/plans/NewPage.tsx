import { Button, Textarea } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { type DragEvent, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../../api/client.ts'
import { queries } from '../../api/session.ts'
import type { Checked, NewPlan } from '../../api/types.ts'
import { useTitle } from '../../app/useTitle.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Facts } from '../../ui/Facts.tsx'
import { FieldProblems } from '../../ui/FieldProblems.tsx'
import { Icon } from '../../ui/icons.tsx'
import { useSay } from '../../ui/notices.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import css from './plans.module.css'
import { EXAMPLE, freshKey, placeIn, readPlan, Unreadable } from './written.ts'

/** A plan is pasted, typed or dropped here, checked, and handed in. */
export function NewPlanPage() {
  const { t } = useTranslation()
  useTitle(t('plans.new'))
  const say = useSay()
  const navigate = useNavigate()
  const [text, setText] = useState('')
  const [plan, setPlan] = useState<NewPlan | null>(null)
  // The same text sent twice is one plan: a click too many, or an answer that was lost.
  const key = useRef({ text: '', value: '' })
  const read = async () => {
    const found = await readPlan(text)
    setPlan(found)
    return found
  }
  const checking = useMutation({
    mutationFn: async () => sent(api.POST('/api/v1/plan-checks', { body: await read() })),
  })
  const sending = useMutation({
    mutationFn: async () => {
      if (key.current.text !== text) key.current = { text, value: freshKey() }
      return sent(
        api.POST('/api/v1/plans', {
          params: { header: { 'Idempotency-Key': key.current.value } },
          body: await read(),
        }),
      )
    },
    onSuccess: async ({ plan: { plan_id: planId, name } }) => {
      say(t('plans.accepted', { name: name || planId }))
      void queries.invalidateQueries({ queryKey: ['plans'] })
      await navigate({ to: '/plans/$planId', params: { planId } })
    },
  })
  const put = (fresh: string) => {
    setText(fresh)
    checking.reset()
    sending.reset()
  }
  const error = sending.error ?? checking.error
  const isEmpty = text.trim() === ''
  return (
    <>
      <PageHead
        up={
          <Link to="/plans" className={ui.link}>
            {t('nav.plans')}
          </Link>
        }
        title={t('plans.new')}
        note={t('plans.new.text')}
      />
      <div className={ui.stack}>
        <Panel id="write" icon="plan" title={t('plans.write')} end={<FromFile onText={put} />}>
          <DropArea onText={put}>
            <Textarea
              label={t('plans.text')}
              value={text}
              onChange={(event) => put(event.currentTarget.value)}
              autosize
              minRows={12}
              maxRows={28}
              spellCheck={false}
              placeholder={EXAMPLE}
              classNames={{ input: css.written ?? '' }}
            />
            <div className={css.acts}>
              <Button onClick={() => sending.mutate()} loading={sending.isPending} disabled={isEmpty}>
                {t('plans.submit')}
              </Button>
              <Button
                variant="default"
                onClick={() => checking.mutate()}
                loading={checking.isPending}
                disabled={isEmpty}
              >
                {t('plans.check')}
              </Button>
              {isEmpty ? (
                <Button variant="subtle" onClick={() => put(EXAMPLE)}>
                  {t('plans.example')}
                </Button>
              ) : null}
            </div>
          </DropArea>
        </Panel>
        {error ? <Refusal error={error} plan={plan} /> : null}
        {checking.data && !error ? <Verdict found={checking.data} /> : null}
      </div>
    </>
  )
}

function Refusal({ error, plan }: { error: Error; plan: NewPlan | null }) {
  const { t } = useTranslation()
  if (!(error instanceof Unreadable)) {
    return <FieldProblems error={error} named={(path) => placeIn(plan, path)} />
  }
  return (
    <div className={css.unreadable} data-tone="bad" role="alert">
      <Icon name="warning" />
      <div>
        <strong>
          {error.line === null ? t('plans.unreadable') : t('plans.unreadable.line', { line: error.line })}
        </strong>
        <p lang="en" className="mono">
          {error.message}
        </p>
      </div>
    </div>
  )
}

function Verdict({ found }: { found: Checked }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <Panel id="checked" icon="check" title={t('plans.checked')}>
      <p className={ui.note} role="status">
        {t('plans.checked.text')}
      </p>
      <div className={css.checked}>
        <Facts
          facts={[
            [t('plan.tickets'), format.number(found.tickets, 0)],
            [t('plan.levels'), format.number(found.levels, 0)],
            [t('plan.first'), found.ready.slice(0, 12).join(', ') + (found.ready.length > 12 ? ', …' : '')],
            [t('dag.critical'), found.critical_path.join(' → ')],
            [
              t('dag.critical.time'),
              found.critical_ms > 0 ? format.duration(found.critical_ms / 1000) : null,
            ],
          ]}
        />
      </div>
    </Panel>
  )
}

function FromFile({ onText }: { onText: (text: string) => void }) {
  const { t } = useTranslation()
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <input
        ref={input}
        type="file"
        accept=".json,.toml,application/json,application/toml"
        className="visually-hidden"
        tabIndex={-1}
        aria-label={t('plans.file')}
        onChange={async ({ currentTarget }) => {
          const file = currentTarget.files?.[0]
          if (file) onText(await file.text())
          currentTarget.value = ''
        }}
      />
      <Button size="compact-sm" variant="default" onClick={() => input.current?.click()}>
        {t('plans.file')}
      </Button>
    </>
  )
}

/** Takes a file that is dropped anywhere on it. */
function DropArea({ onText, children }: { onText: (text: string) => void; children: React.ReactNode }) {
  const [isOver, setOver] = useState(false)
  const over = (event: DragEvent) => {
    event.preventDefault()
    setOver(true)
  }
  const drop = async (event: DragEvent) => {
    event.preventDefault()
    setOver(false)
    const file = event.dataTransfer.files[0]
    const text = file ? await file.text() : event.dataTransfer.getData('text')
    if (text) onText(text)
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button above takes files from those who do not drag
    <div
      className={css.drop}
      data-over={isOver || undefined}
      onDragOver={over}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => void drop(event)}
    >
      {children}
    </div>
  )
}

import { Button, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Ranked } from '../../api/types.ts'
import { useTitle } from '../../app/useTitle.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Asked } from '../../ui/Asked.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { ListPanel } from './ListPanel.tsx'
import css from './services.module.css'
import { bestQuery, type Search, STATES, wordsOf } from './services.ts'

/** Who is there, what they can do and how they do; and who does a thing best. */
export function ServicesPage() {
  const { t } = useTranslation()
  useTitle(t('nav.services'))
  return (
    <>
      <PageHead title={t('nav.services')} note={t('services.text')} />
      <div className={ui.stack}>
        <BestPanel />
        <ListPanel />
      </div>
    </>
  )
}

function BestPanel() {
  const { t } = useTranslation()
  const { q, able = '' } = useSearch({ strict: false }) as Search
  const navigate = useNavigate()
  const found = useQuery({ ...bestQuery(able), enabled: wordsOf(able).length > 0 })
  const ask = (words: string) => void navigate({ to: '/services', search: { q, able: words || undefined } })
  return (
    <Panel id="best" icon="target" title={t('services.best')}>
      <AskForm asked={able} onAsk={ask} />
      {wordsOf(able).length > 0 ? (
        <Asked query={found}>
          {(ranked) =>
            ranked.length === 0 ? (
              <div className={ui.outdent}>
                <Empty title={t('services.nobody', { able })}>{t('services.nobody.hint')}</Empty>
              </div>
            ) : (
              <ol className={css.best}>
                {ranked.map((one) => (
                  <Place key={one.instance.id} ranked={one} />
                ))}
              </ol>
            )
          }
        </Asked>
      ) : null}
    </Panel>
  )
}

function AskForm({ asked, onAsk }: { asked: string; onAsk: (words: string) => void }) {
  const { t } = useTranslation()
  const [typed, setTyped] = useState(asked)
  const [before, setBefore] = useState(asked)
  // The way back and forward changes the address: the field says what is asked now, and keeps the focus.
  if (asked !== before) {
    setBefore(asked)
    setTyped(asked)
  }
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    onAsk(wordsOf(typed).join(' '))
  }
  return (
    <form className={css.form} onSubmit={onSubmit}>
      <TextInput
        className={css.field}
        label={t('services.able')}
        description={t('services.able.hint')}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        maxLength={256}
        autoComplete="off"
        spellCheck={false}
      />
      <Button type="submit">{t('services.find')}</Button>
    </form>
  )
}

/** One that was found, and why it stands where it stands. */
function Place({ ranked: { instance, score } }: { ranked: Ranked }) {
  const { t } = useTranslation()
  const format = useFormat()
  const share = (value: number) => format.number(value, 2)
  return (
    <li>
      <div className={css.line}>
        <strong>{instance.name}</strong>
        <StateTag look={STATES[instance.state]} />
        <span className={ui.note}>{t('services.score', { score: share(score.total) })}</span>
      </div>
      <p className={ui.note}>
        {t('services.parts', {
          health: share(score.health),
          trail: share(score.trail),
          telemetry: share(score.telemetry),
        })}
      </p>
    </li>
  )
}

import { Button, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { createColumnHelper } from '@tanstack/react-table'
import { type FormEvent, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Instance, Ranked } from '../../api/types.ts'
import { useTitle } from '../../app/useTitle.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Ago } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import css from './services.module.css'
import { bestQuery, fits, instancesQuery, STATES, wordsOf } from './services.ts'

interface Search {
  q?: string
  able?: string
}

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

function ListPanel() {
  const { t } = useTranslation()
  const { q = '', able } = useSearch({ strict: false }) as Search
  const navigate = useNavigate()
  const instances = useQuery(instancesQuery)
  return (
    <Panel id="services" icon="parts" title={t('services.title')} flush>
      <div className={ui.pad}>
        <TextInput
          size="xs"
          label={t('services.narrow')}
          value={q}
          onChange={(event) => {
            const typed = event.currentTarget.value
            void navigate({ to: '/services', search: { able, q: typed || undefined }, replace: true })
          }}
          maxLength={128}
          autoComplete="off"
          spellCheck={false}
        />
      </div>
      <div className={instances.data?.length ? '' : ui.pad}>
        <Asked query={instances}>
          {(all) => {
            const shown = all.filter((one) => fits(one, q))
            return shown.length === 0 ? (
              <div className={ui.outdent}>
                <Empty title={t(all.length === 0 ? 'services.empty' : 'services.none')}>
                  {t('services.none.hint')}
                </Empty>
              </div>
            ) : (
              <Instances instances={shown} />
            )
          }}
        </Asked>
      </div>
    </Panel>
  )
}

const column = createColumnHelper<Instance>()

function Instances({ instances }: { instances: readonly Instance[] }) {
  const { t } = useTranslation()
  const columns = useMemo(
    () => [
      column.accessor('name', { header: t('column.name'), meta: { card: 'bare' } }),
      column.accessor('kind', { header: t('column.kind') }),
      column.accessor('state', {
        header: t('column.state'),
        cell: ({ getValue }) => <StateTag look={STATES[getValue()]} />,
        meta: { card: 'state' },
      }),
      column.accessor((row) => (row.capabilities ?? []).join(', '), {
        id: 'capabilities',
        header: t('services.abilities'),
        cell: ({ getValue }) => <span className={css.words}>{getValue()}</span>,
        meta: { card: 'wide' },
      }),
      column.accessor((row) => row.telemetry?.load ?? -1, {
        id: 'load',
        header: t('services.load'),
        cell: ({ row }) => <Share value={row.original.telemetry?.load} />,
        meta: { align: 'end' },
      }),
      column.accessor((row) => row.url || row.address || '', {
        id: 'address',
        header: t('services.address'),
        cell: ({ getValue }) => <code className="mono">{getValue()}</code>,
        meta: { minor: true },
      }),
      column.accessor('owner', { header: t('column.owner'), meta: { minor: true } }),
      column.accessor('seen_at', {
        header: t('column.seen'),
        cell: ({ getValue }) => <Ago at={getValue()} />,
      }),
    ],
    [t],
  )
  return <DataTable label={t('services.title')} rows={instances} columns={columns} rowId={(row) => row.id} />
}

function Share({ value }: { value: number | null | undefined }) {
  const format = useFormat()
  return value === null || value === undefined ? '-' : format.percent(100 * value)
}

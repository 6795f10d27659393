import { Button, NativeSelect, NumberInput, Switch, Textarea, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Objective } from '../../api/types.ts'
import type { Key } from '../../i18n/index.ts'
import { FieldProblems } from '../../ui/FieldProblems.tsx'
import { AlertWindows } from './AlertWindows.tsx'
import css from './objectives.module.css'
import { FRESH } from './objectives.ts'

type Query = NonNullable<Objective['sli_query']>
type Source = NonNullable<Query['source']>
type Type = NonNullable<Objective['slo_type']>

const TYPES: Record<Type, Key> = {
  AVAILABILITY: 'slo.type.availability',
  LATENCY: 'slo.type.latency',
  ERROR_RATE: 'slo.type.error_rate',
  CUSTOM: 'slo.type.custom',
}
const SOURCES: Record<Source, Key> = {
  gateway: 'slo.source.gateway',
  tickets: 'slo.source.tickets',
  nodes: 'slo.source.nodes',
  api: 'slo.source.api',
  prometheus: 'slo.source.prometheus',
}
const BUDGETINGS: Record<NonNullable<Objective['budgeting']>, Key> = {
  Occurrences: 'slo.budgeting.occurrences',
  Timeslices: 'slo.budgeting.timeslices',
  RatioTimeslices: 'slo.budgeting.ratio',
}
/** Filters that a source knows; by the reference, others count everything. */
const FILTERS: Record<Source, readonly ('model' | 'node' | 'kind')[]> = {
  gateway: ['model', 'node'],
  tickets: ['kind'],
  nodes: ['node'],
  api: ['kind'],
  prometheus: [],
}
const FILTER_WORDS = { model: 'slo.model', node: 'slo.node', kind: 'slo.kind' } as const

interface FormProps {
  start: Objective
  submit: string
  isSending: boolean
  error: unknown
  onSubmit: (objective: Objective) => void
}

/** What is promised. Only what the chosen source and kind know is asked for, and only that is sent. */
export function ObjectiveForm({ start, submit, isSending, error, onSubmit }: FormProps) {
  const [made, setMade] = useState<Objective>({ ...FRESH, ...start })
  const put = (change: Partial<Objective>) => setMade((before) => ({ ...before, ...change }))
  const ask = (change: Partial<Query>) =>
    setMade((before) => ({ ...before, sli_query: { ...FRESH.sli_query, ...before.sli_query, ...change } }))
  const send = (event: FormEvent) => {
    event.preventDefault()
    onSubmit(settled(made))
  }
  return (
    <form className={css.form} onSubmit={send}>
      <Promised made={made} put={put} />
      <Counted made={made} put={put} ask={ask} />
      <Alarms made={made} put={put} />
      <AlertWindows alerts={made.alert_windows ?? []} onChange={(alert_windows) => put({ alert_windows })} />
      {error ? <FieldProblems error={error} /> : null}
      <div className={css.acts}>
        <Button type="submit" loading={isSending} disabled={made.name.trim() === ''}>
          {submit}
        </Button>
      </div>
    </form>
  )
}

/** Without what another source or kind would have asked for. Pure. */
export function settled(made: Objective): Objective {
  const query = { ...FRESH.sli_query, ...made.sli_query } as Query
  const source = query.source ?? 'gateway'
  const known = new Set(FILTERS[source])
  const isAsked = source === 'prometheus'
  return {
    ...made,
    name: made.name.trim(),
    slice_target: made.budgeting === 'Occurrences' ? null : made.slice_target,
    sli_query: {
      ...query,
      model: known.has('model') ? query.model : '',
      node: known.has('node') ? query.node : '',
      kind: known.has('kind') ? query.kind : '',
      threshold_seconds: made.slo_type === 'LATENCY' ? query.threshold_seconds : null,
      measure: made.slo_type === 'LATENCY' ? query.measure : 'total',
      valid: isAsked ? query.valid : '',
      good: isAsked ? query.good : '',
      bad: isAsked ? query.bad : '',
    },
  }
}

interface PartProps {
  made: Objective
  put: (change: Partial<Objective>) => void
}

function Promised({ made, put }: PartProps) {
  const { t } = useTranslation()
  return (
    <fieldset className={css.group}>
      <legend>{t('slo.promise')}</legend>
      <TextInput
        label={t('column.name')}
        value={made.name}
        onChange={({ currentTarget: { value } }) => put({ name: value })}
        maxLength={128}
        required
      />
      <NumberInput
        label={t('slo.target')}
        description={t('slo.target.hint')}
        suffix=" %"
        decimalScale={4}
        min={0.0001}
        max={99.9999}
        value={Number((made.target * 100).toFixed(4))}
        onChange={(value) => put({ target: Number((Number(value) / 100).toFixed(8)) })}
        required
      />
      <NumberInput
        label={t('slo.days')}
        min={1}
        max={90}
        allowDecimal={false}
        value={made.window_days ?? 30}
        onChange={(value) => put({ window_days: Number(value) })}
        required
      />
      <TextInput
        label={t('slo.service')}
        value={made.service_name ?? ''}
        onChange={({ currentTarget: { value } }) => put({ service_name: value })}
        maxLength={128}
        required
      />
      <TextInput
        label={t('slo.layer')}
        value={made.layer ?? ''}
        onChange={({ currentTarget: { value } }) => put({ layer: value })}
        maxLength={128}
      />
      <Textarea
        className={css.wide ?? ''}
        label={t('slo.description')}
        value={made.description ?? ''}
        onChange={({ currentTarget: { value } }) => put({ description: value })}
        maxLength={512}
        autosize
        minRows={2}
      />
    </fieldset>
  )
}

function Counted({ made, put, ask }: PartProps & { ask: (change: Partial<Query>) => void }) {
  const { t } = useTranslation()
  const query = { ...FRESH.sli_query, ...made.sli_query } as Query
  const source = query.source ?? 'gateway'
  const words = <K extends string>(table: Record<K, Key>) =>
    (Object.entries(table) as [K, Key][]).map(([value, word]) => ({ value, label: t(word) }))
  return (
    <fieldset className={css.group}>
      <legend>{t('indicator.title')}</legend>
      <NativeSelect
        label={t('slo.type')}
        value={made.slo_type ?? 'AVAILABILITY'}
        onChange={({ currentTarget: { value } }) => put({ slo_type: value as Type })}
        data={words(TYPES)}
      />
      <NativeSelect
        label={t('slo.source')}
        value={source}
        onChange={({ currentTarget: { value } }) => ask({ source: value as Source })}
        data={words(SOURCES)}
      />
      {FILTERS[source].map((filter) => (
        <TextInput
          key={filter}
          label={t(FILTER_WORDS[filter])}
          description={t('slo.filter.hint')}
          value={query[filter] ?? ''}
          onChange={({ currentTarget: { value } }) => ask({ [filter]: value })}
          maxLength={128}
        />
      ))}
      {made.slo_type === 'LATENCY' ? (
        <>
          <NumberInput
            label={t('slo.threshold')}
            suffix=" s"
            min={0.001}
            value={query.threshold_seconds ?? ''}
            onChange={(value) => ask({ threshold_seconds: value === '' ? null : Number(value) })}
            required
          />
          <NativeSelect
            label={t('slo.measure')}
            value={query.measure ?? 'total'}
            onChange={({ currentTarget: { value } }) => ask({ measure: value as 'total' | 'ttft' })}
            data={[
              { value: 'total', label: t('slo.measure.total') },
              { value: 'ttft', label: t('slo.measure.ttft') },
            ]}
          />
        </>
      ) : null}
      {source === 'prometheus'
        ? (['valid', 'good', 'bad'] as const).map((part) => (
            <Textarea
              key={part}
              className={css.wide ?? ''}
              label={t(PARTS[part])}
              value={query[part] ?? ''}
              onChange={({ currentTarget: { value } }) => ask({ [part]: value })}
              autosize
              classNames={{ input: css.yaml ?? '' }}
              spellCheck={false}
            />
          ))
        : null}
    </fieldset>
  )
}

const PARTS = { valid: 'slo.valid', good: 'slo.good', bad: 'slo.bad' } as const

function Alarms({ made, put }: PartProps) {
  const { t } = useTranslation()
  const { warning = 0.5, critical = 0.2 } = made.thresholds ?? {}
  const percent = (share: number) => Number((share * 100).toFixed(4))
  return (
    <fieldset className={css.group}>
      <legend>{t('slo.budget')}</legend>
      <NativeSelect
        label={t('slo.budgeting')}
        value={made.budgeting ?? 'Occurrences'}
        onChange={({ currentTarget: { value } }) => put({ budgeting: value as Objective['budgeting'] })}
        data={Object.entries(BUDGETINGS).map(([value, word]) => ({ value, label: t(word) }))}
      />
      {made.budgeting === 'Occurrences' ? null : (
        <NumberInput
          label={t('slo.slice_target')}
          suffix=" %"
          min={0}
          max={100}
          value={made.slice_target == null ? '' : percent(made.slice_target)}
          onChange={(value) => put({ slice_target: value === '' ? null : Number(value) / 100 })}
        />
      )}
      <NumberInput
        label={t('slo.warning_below')}
        suffix=" %"
        min={1}
        max={99}
        value={percent(warning)}
        onChange={(value) => put({ thresholds: { warning: Number(value) / 100, critical } })}
      />
      <NumberInput
        label={t('slo.critical_below')}
        suffix=" %"
        min={1}
        max={99}
        value={percent(critical)}
        onChange={(value) => put({ thresholds: { warning, critical: Number(value) / 100 } })}
      />
      <NumberInput
        label={t('slo.min_bad')}
        description={t('slo.min_bad.hint')}
        min={1}
        allowDecimal={false}
        value={made.min_bad_events ?? 3}
        onChange={(value) => put({ min_bad_events: Number(value) })}
      />
      <Switch
        label={t('slo.enabled')}
        checked={made.enabled !== false}
        onChange={({ currentTarget: { checked } }) => put({ enabled: checked })}
      />
    </fieldset>
  )
}

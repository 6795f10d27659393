import { Checkbox, NativeSelect, NumberInput, Stack, TagsInput, Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ApiKey, NewKey } from '../../api/types.ts'
import { AskFrame, TypedFrame } from '../../app/AskFrame.tsx'
import css from './gateway.module.css'
import { changeKey, createKey, dayOf, LIMITS, PRIORITY, revokeKey, SCOPE } from './gateway.ts'
import type { Made } from './KeysPanel.tsx'

export type KeyAsk = { kind: 'create' } | { kind: 'change' | 'rotate' | 'revoke'; apiKey: ApiKey }

interface Props {
  ask: KeyAsk
  /** Models that nodes have, to choose from. */
  models: readonly string[]
  /** Told the new key's secret, which is shown this once. */
  onMade: (made: Made | null) => void
  onClose: () => void
}

/** What is asked before a key is made, changed, replaced or ended. */
export default function KeyDialog({ ask, models, onMade, onClose }: Props) {
  switch (ask.kind) {
    case 'create':
      return <CreateDialog models={models} onMade={onMade} onClose={onClose} />
    case 'change':
      return <ChangeDialog apiKey={ask.apiKey} models={models} onClose={onClose} />
    case 'rotate':
      return <RotateDialog apiKey={ask.apiKey} onMade={onMade} onClose={onClose} />
    case 'revoke':
      return <RevokeDialog apiKey={ask.apiKey} onMade={onMade} onClose={onClose} />
  }
}

type Scope = keyof typeof SCOPE
type Limits = ApiKey['limits']

/** A key's rights as they stand in the form. `expires` is a day of UTC, or nothing. */
interface Rights {
  name: string
  scopes: string[]
  models: string[]
  limits: Limits
  priority: ApiKey['priority']
  resume: boolean
  hedge: boolean
  expires: string
}

const FRESH: Rights = {
  name: '',
  scopes: ['models:use'],
  models: [],
  limits: { requests_per_minute: 0, requests_per_day: 0, tokens_per_minute: 0, tokens_per_day: 0 },
  priority: 'normal',
  resume: false,
  hedge: false,
  expires: '',
}

const rightsOf = (key: ApiKey): Rights => ({
  name: key.name,
  scopes: [...key.scopes],
  models: [...key.models],
  limits: { ...key.limits },
  priority: key.priority,
  resume: key.resume,
  hedge: key.hedge,
  expires: key.expires_at == null ? '' : dayOf(key.expires_at),
})

/** What goes to the API. The day of `expires` is the last one of the key; a day that was not touched is the moment that it was. */
function wantedOf(rights: Rights, before?: ApiKey): Omit<NewKey, 'owner'> {
  const { name, scopes, models, limits, priority, resume, hedge, expires } = rights
  const untouched = before?.expires_at != null && dayOf(before.expires_at) === expires
  return {
    name: name.trim(),
    scopes: scopes as Scope[],
    models,
    limits,
    priority,
    resume,
    hedge,
    expires_at: untouched
      ? (before.expires_at ?? null)
      : expires === ''
        ? null
        : Date.parse(`${expires}T23:59:59Z`) / 1000,
  }
}

const isGood = (rights: Rights): boolean =>
  rights.name.trim() !== '' &&
  rights.scopes.length > 0 &&
  Object.values(rights.limits).every((one) => Number.isInteger(one) && one >= 0)

interface FormProps {
  rights: Rights
  models: readonly string[]
  onChange: (rights: Rights) => void
}

function RightsForm({ rights, models, onChange }: FormProps) {
  const { t } = useTranslation()
  const set = (change: Partial<Rights>) => onChange({ ...rights, ...change })
  return (
    <Stack gap="md">
      <TextInput
        label={t('column.name')}
        value={rights.name}
        onChange={(event) => set({ name: event.currentTarget.value })}
        maxLength={64}
        autoComplete="off"
        spellCheck={false}
        data-autofocus
      />
      <Checkbox.Group
        label={t('gateway.key.may')}
        value={rights.scopes}
        onChange={(scopes) => set({ scopes })}
      >
        <Stack gap={8} mt={6}>
          {Object.entries(SCOPE).map(([value, word]) => (
            <Checkbox key={value} value={value} label={t(word)} />
          ))}
        </Stack>
      </Checkbox.Group>
      <TagsInput
        label={t('column.models')}
        description={t('gateway.key.models.hint')}
        value={rights.models}
        onChange={(chosen) => set({ models: chosen })}
        data={[...models]}
        maxTags={64}
      />
      <fieldset style={{ margin: 0, padding: 0, border: 0 }}>
        <legend style={{ marginBottom: 4, fontSize: 14, fontWeight: 500 }}>{t('gateway.limits.zero')}</legend>
        <div className={css.limits}>
          {(Object.keys(LIMITS) as (keyof Limits)[]).map((name) => (
            <NumberInput
              key={name}
              size="sm"
              label={t(LIMITS[name])}
              value={rights.limits[name]}
              onChange={(value) => set({ limits: { ...rights.limits, [name]: Number(value) } })}
              min={0}
              allowDecimal={false}
              thousandSeparator=" "
            />
          ))}
        </div>
      </fieldset>
      <NativeSelect
        label={t('column.priority')}
        value={rights.priority}
        onChange={(event) => set({ priority: event.currentTarget.value as Rights['priority'] })}
        data={Object.entries(PRIORITY).map(([value, word]) => ({ value, label: t(word) }))}
      />
      <Checkbox
        label={t('gateway.key.resume')}
        checked={rights.resume}
        onChange={(event) => set({ resume: event.currentTarget.checked })}
      />
      <Checkbox
        label={t('gateway.key.hedge')}
        checked={rights.hedge}
        onChange={(event) => set({ hedge: event.currentTarget.checked })}
      />
      <TextInput
        type="date"
        label={t('gateway.key.last_day')}
        description={t('gateway.key.last_day.hint')}
        value={rights.expires}
        onChange={(event) => set({ expires: event.currentTarget.value })}
      />
    </Stack>
  )
}

function CreateDialog({ models, onMade, onClose }: Omit<Props, 'ask'>) {
  const { t } = useTranslation()
  const [rights, setRights] = useState(FRESH)
  const [owner, setOwner] = useState('')
  const act = async () => {
    const made = await createKey({ ...wantedOf(rights), owner: owner.trim() })
    onMade({ name: made.key.name, secret: made.secret, replaced: null })
  }
  return (
    <AskFrame
      title={t('gateway.key.new')}
      submit={t('gateway.key.new')}
      done={t('gateway.key.made', { name: rights.name.trim() })}
      act={act}
      ready={isGood(rights)}
      onClose={onClose}
    >
      <RightsForm rights={rights} models={models} onChange={setRights} />
      <TextInput
        label={t('column.owner')}
        description={t('gateway.key.owner.hint')}
        value={owner}
        onChange={(event) => setOwner(event.currentTarget.value)}
        maxLength={64}
        autoComplete="off"
        spellCheck={false}
      />
    </AskFrame>
  )
}

interface OneProps {
  apiKey: ApiKey
  onClose: () => void
}

function ChangeDialog({ apiKey, models, onClose }: OneProps & { models: readonly string[] }) {
  const { t } = useTranslation()
  const [rights, setRights] = useState(() => rightsOf(apiKey))
  return (
    <AskFrame
      title={t('gateway.key.change.title', { name: apiKey.name })}
      submit={t('gateway.key.save')}
      done={t('gateway.key.changed', { name: rights.name.trim() })}
      act={() => changeKey(apiKey.id, wantedOf(rights, apiKey))}
      ready={isGood(rights)}
      onClose={onClose}
    >
      <RightsForm rights={rights} models={models} onChange={setRights} />
    </AskFrame>
  )
}

/** A new key with the same rights; the old one lives until it is revoked, so that nothing stands still meanwhile. */
function RotateDialog({ apiKey, onMade, onClose }: OneProps & Pick<Props, 'onMade'>) {
  const { t } = useTranslation()
  const [name, setName] = useState(() => nextName(apiKey.name))
  const act = async () => {
    const rights = { ...rightsOf(apiKey), name }
    const made = await createKey({ ...wantedOf(rights, apiKey), owner: apiKey.owner })
    onMade({ name: made.key.name, secret: made.secret, replaced: apiKey })
  }
  return (
    <AskFrame
      title={t('gateway.key.rotate.title', { name: apiKey.name })}
      submit={t('gateway.key.rotate')}
      done={t('gateway.key.made', { name: name.trim() })}
      act={act}
      ready={name.trim() !== ''}
      onClose={onClose}
    >
      <Text size="sm">{t('gateway.key.rotate.text')}</Text>
      <TextInput
        label={t('gateway.key.rotate.name')}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        maxLength={64}
        autoComplete="off"
        spellCheck={false}
        data-autofocus
      />
    </AskFrame>
  )
}

/** `laptop` is followed by `laptop-2`, `laptop-2` by `laptop-3`. Pure. */
export function nextName(name: string): string {
  const [, stem = name, number] = name.match(/^(.*?)-(\d{1,6})$/) ?? []
  const end = `-${number === undefined ? 2 : Number(number) + 1}`
  return `${stem.slice(0, 64 - end.length)}${end}`
}

function RevokeDialog({ apiKey, onMade, onClose }: OneProps & Pick<Props, 'onMade'>) {
  const { t } = useTranslation()
  const act = async () => {
    await revokeKey(apiKey.id)
    onMade(null)
  }
  return (
    <TypedFrame
      title={t('gateway.key.revoke.title', { name: apiKey.name })}
      submit={t('gateway.key.revoke')}
      done={t('gateway.key.revoked_now', { name: apiKey.name })}
      act={act}
      word={apiKey.name}
      onClose={onClose}
    >
      <Text size="sm">{t('gateway.key.revoke.text')}</Text>
    </TypedFrame>
  )
}

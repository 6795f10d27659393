import { Button, NativeSelect, Switch, Text, Textarea, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Setting } from '../../api/types.ts'
import { AskFrame } from '../../app/AskFrame.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { useSay } from '../../ui/notices.tsx'
import css from './configuration.module.css'
import { change, read, shown } from './configuration.ts'

interface DialogProps {
  setting: Setting
  meaning: string
  /** Of the file, as it was when the setting was shown. */
  revision: string
  onClose: () => void
}

/** What one setting is to be. */
export function SettingDialog({ setting, meaning, revision, onClose }: DialogProps) {
  const { t } = useTranslation()
  // A secret is never sent here: what stands in its place is no value.
  const [typed, setTyped] = useState(setting.secret ? '' : textOf(setting))
  const value = read(setting, typed)
  const isWrong = value === undefined
  return (
    <AskFrame
      title={setting.name}
      submit={t('configuration.write')}
      done={t(setting.taken_up === 'reload' ? 'configuration.in_force' : 'configuration.waits', {
        name: setting.name,
      })}
      act={() => change(setting.name, value ?? null, revision)}
      ready={!isWrong && typed !== (setting.secret ? '' : textOf(setting))}
      onClose={onClose}
    >
      <Text size="sm">{meaning}</Text>
      <Field setting={setting} typed={typed} isWrong={isWrong && typed !== ''} onType={setTyped} />
      <div className={css.default}>
        <span>
          {t('configuration.default')}{' '}
          <code className="mono">{shown(setting.default) || t('configuration.unset')}</code>
        </span>
        {setting.source === 'file' ? <Back setting={setting} revision={revision} onClose={onClose} /> : null}
      </div>
    </AskFrame>
  )
}

/** Takes it out of the file. */
function Back({ setting, revision, onClose }: Omit<DialogProps, 'meaning'>) {
  const { t } = useTranslation()
  const say = useSay()
  const going = useMutation({
    mutationFn: () => change(setting.name, null, revision),
    onSuccess: () => {
      say(t('configuration.back.done', { name: setting.name }))
      onClose()
    },
  })
  return (
    <>
      <Button size="compact-sm" variant="default" loading={going.isPending} onClick={() => going.mutate()}>
        {t('configuration.back')}
      </Button>
      {going.error ? <Failure error={going.error} /> : null}
    </>
  )
}

interface FieldProps {
  setting: Setting
  typed: string
  isWrong: boolean
  onType: (typed: string) => void
}

function Field({ setting, typed, isWrong, onType }: FieldProps) {
  const { t } = useTranslation()
  const label = t('configuration.value')
  const error = isWrong ? t(WRONG[setting.kind]) : null
  switch (setting.kind) {
    case 'switch':
      return (
        <Switch
          label={t(typed === 'true' ? 'configuration.on' : 'configuration.off')}
          checked={typed === 'true'}
          onChange={({ currentTarget: { checked } }) => onType(String(checked))}
          data-autofocus
        />
      )
    case 'choice':
      return (
        <NativeSelect
          label={label}
          value={typed}
          onChange={({ currentTarget: { value } }) => onType(value)}
          data={[
            ...(setting.optional ? [{ value: '', label: t('configuration.unset') }] : []),
            ...setting.choices,
          ]}
          data-autofocus
        />
      )
    case 'list':
    case 'table':
      return (
        <Textarea
          label={label}
          description={t(setting.kind === 'list' ? 'configuration.list' : 'configuration.table')}
          value={typed}
          onChange={({ currentTarget: { value } }) => onType(value)}
          error={error}
          autosize
          minRows={4}
          maxRows={16}
          spellCheck={false}
          classNames={{ input: 'mono' }}
          data-autofocus
        />
      )
    default:
      return (
        <TextInput
          label={label}
          description={setting.secret ? t('configuration.secret') : undefined}
          type={setting.secret ? 'password' : 'text'}
          inputMode={setting.kind === 'text' ? 'text' : 'decimal'}
          value={typed}
          onChange={({ currentTarget: { value } }) => onType(value)}
          error={error}
          maxLength={4096}
          autoComplete="off"
          spellCheck={false}
          data-autofocus
        />
      )
  }
}

const WRONG = {
  switch: 'configuration.wrong',
  choice: 'configuration.wrong',
  text: 'configuration.wrong',
  integer: 'configuration.wrong.integer',
  number: 'configuration.wrong.number',
  list: 'configuration.wrong.list',
  table: 'configuration.wrong.table',
} as const satisfies Record<Setting['kind'], string>

/** As it stands in its field. */
function textOf({ kind, written }: Setting): string {
  if (written === null || written === undefined) return ''
  return kind === 'list' || kind === 'table' ? JSON.stringify(written, null, 2) : shown(written)
}

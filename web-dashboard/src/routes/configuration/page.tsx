import { Switch, TextInput } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { Setting, SettingsTold } from '../../api/types.ts'
import { useTitle } from '../../app/useTitle.ts'
import type { Language } from '../../i18n/index.ts'
import { Asked } from '../../ui/Asked.tsx'
import { Coded } from '../../ui/Coded.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import css from './configuration.module.css'
import { fits, isSet, meaningsQuery, type Search, settingsQuery } from './configuration.ts'
import { SettingDialog } from './SettingDialog.tsx'
import { SettingTable } from './SettingTable.tsx'
import { TlsPanel } from './TlsPanel.tsx'

/** What the head runs with, and its certificates. */
export function ConfigurationPage() {
  const { t } = useTranslation()
  useTitle(t('configuration.title'))
  const { data: me } = useQuery(meQuery)
  return (
    <>
      <PageHead title={t('configuration.title')} note={t('configuration.text')} />
      <div className={ui.stack}>
        {reaches(me?.user.role, 'admin') ? (
          <>
            <SettingsPanel />
            <TlsPanel />
          </>
        ) : (
          <Panel id="settings" icon="sliders" title={t('configuration.title')}>
            <Empty title={t('configuration.not')} />
          </Panel>
        )}
      </div>
    </>
  )
}

function SettingsPanel() {
  const { t, i18n } = useTranslation()
  const { q = '', only } = useSearch({ strict: false }) as Search
  const navigate = useNavigate()
  const settings = useQuery(settingsQuery)
  const meanings = useQuery({
    ...meaningsQuery(i18n.language as Language),
    placeholderData: keepPreviousData,
  })
  const go = (search: Search) => void navigate({ to: '/configuration', search, replace: true })
  return (
    <Panel id="settings" icon="sliders" title={t('configuration.all')} flush>
      <div className={`${ui.pad} ${css.narrow}`}>
        <TextInput
          className={css.field}
          size="xs"
          label={t('configuration.narrow')}
          value={q}
          onChange={({ currentTarget: { value } }) => go({ q: value || undefined, only })}
          maxLength={128}
          autoComplete="off"
          spellCheck={false}
        />
        <Switch
          label={t('configuration.only')}
          checked={only === 'changed'}
          onChange={({ currentTarget: { checked } }) =>
            go({ q: q || undefined, only: checked ? 'changed' : undefined })
          }
        />
      </div>
      <div className={settings.data ? '' : ui.pad}>
        <Asked query={settings}>
          {(told) => (
            <Asked query={meanings}>
              {(said) => <Told told={told} meanings={said} q={q} onlySet={only === 'changed'} />}
            </Asked>
          )}
        </Asked>
      </div>
    </Panel>
  )
}

interface ToldProps {
  told: SettingsTold
  meanings: Record<string, string>
  q: string
  onlySet: boolean
}

function Told({ told, meanings, q, onlySet }: ToldProps) {
  const { t } = useTranslation()
  const [asked, setAsked] = useState<Setting | null>(null)
  const meaningOf = useCallback((one: Setting) => meanings[one.name] ?? one.meaning, [meanings])
  const list = told.items.filter((one) => (!onlySet || isSet(one)) && fits(one, meaningOf(one), q))
  const waiting = told.items.filter((one) => one.changed && one.taken_up === 'restart').length
  return (
    <>
      {told.readable ? null : <Notice tone="bad" text={t('configuration.unreadable', { file: told.file })} />}
      {waiting ? <Notice tone="warn" text={t('configuration.restart', { count: waiting })} /> : null}
      {list.length === 0 ? (
        <Empty title={t('configuration.none')}>{t('configuration.none.hint')}</Empty>
      ) : (
        <SettingTable settings={list} meaningOf={meaningOf} onAsk={setAsked} />
      )}
      <p className={`${ui.note} ${css.foot}`}>
        <Coded text={t('configuration.file', { file: told.file })} />
      </p>
      {asked ? (
        <SettingDialog
          setting={asked}
          meaning={meaningOf(asked)}
          revision={told.revision}
          onClose={() => setAsked(null)}
        />
      ) : null}
    </>
  )
}

function Notice({ tone, text }: { tone: 'bad' | 'warn'; text: string }) {
  return (
    <div className={ui.pad}>
      <div className={`${ui.banner} ${css.notice}`} data-tone={tone} role="status">
        <p>
          <Coded text={text} />
        </p>
      </div>
    </div>
  )
}

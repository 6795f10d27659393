import { Button, SegmentedControl, useMantineColorScheme } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { meQuery } from '../../api/session.ts'
import { SCHEMES, type Scheme } from '../../app/AccountMenu.tsx'
import { useDialogs } from '../../app/dialogs.tsx'
import { useTitle } from '../../app/useTitle.ts'
import { changeLanguage, LANGUAGES, type Language } from '../../i18n/index.ts'
import { Facts } from '../../ui/Facts.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { type PersonRole, ROLE_WORDS } from '../people/people.ts'
import { SessionList } from '../people/SessionList.tsx'
import { AboutPanel } from './AboutPanel.tsx'
import css from './settings.module.css'

/** One's own account, how this browser shows things, and what cluster this is. */
export function SettingsPage() {
  const { t } = useTranslation()
  useTitle(t('nav.settings'))
  return (
    <>
      <PageHead title={t('nav.settings')} note={t('settings.text')} />
      <div className={ui.stack}>
        <AccountPanel />
        <LookPanel />
        <Panel id="sessions" icon="key" title={t('sessions.own')} flush>
          <div className={ui.pad}>
            <SessionList />
          </div>
        </Panel>
        <AboutPanel />
      </div>
    </>
  )
}

function AccountPanel() {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const { data: me } = useQuery(meQuery)
  if (!me) return null
  return (
    <Panel
      id="account"
      icon="user"
      title={t('settings.account')}
      end={
        <Button size="compact-sm" variant="default" onClick={() => dialogs.open({ kind: 'password' })}>
          {t('account.password')}
        </Button>
      }
    >
      <Facts
        facts={[
          [t('column.name'), me.user.name],
          [t('settings.role'), t(ROLE_WORDS[me.user.role as PersonRole] ?? 'role.other')],
        ]}
      />
    </Panel>
  )
}

/** Kept by this browser; nobody else sees a difference. */
function LookPanel() {
  const { t, i18n } = useTranslation()
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  return (
    <Panel id="look" icon="sliders" title={t('settings.look')}>
      <div className={css.choices}>
        <div>
          <p className={ui.note}>{t('account.language')}</p>
          <SegmentedControl<Language>
            aria-label={t('account.language')}
            value={i18n.language as Language}
            onChange={(tag) => void changeLanguage(tag)}
            data={(Object.entries(LANGUAGES) as [Language, string][]).map(([value, label]) => ({
              value,
              label,
            }))}
          />
        </div>
        <div>
          <p className={ui.note}>{t('account.theme')}</p>
          <SegmentedControl<Scheme>
            aria-label={t('account.theme')}
            value={colorScheme}
            onChange={setColorScheme}
            data={(Object.entries(SCHEMES) as [Scheme, (typeof SCHEMES)[Scheme]][]).map(
              ([value, { word }]) => ({ value, label: t(word) }),
            )}
          />
        </div>
      </div>
    </Panel>
  )
}

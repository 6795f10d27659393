import { Menu, useMantineColorScheme } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { meQuery } from '../api/session.ts'
import type { Role } from '../api/types.ts'
import { changeLanguage, type Key, LANGUAGES, type Language } from '../i18n/index.ts'
import { Icon, type IconName } from '../ui/icons.tsx'
import { useDialogs } from './dialogs.tsx'
import css from './frame.module.css'
import { useSignOut } from './useSignOut.ts'

export type Scheme = 'light' | 'dark' | 'auto'

export const SCHEMES: Record<Scheme, { word: Key; icon: IconName }> = {
  light: { word: 'theme.light', icon: 'sun' },
  dark: { word: 'theme.dark', icon: 'moon' },
  auto: { word: 'theme.auto', icon: 'auto' },
}

const ROLES: Record<string, Key> = {
  viewer: 'role.viewer',
  user: 'role.user',
  operator: 'role.operator',
  admin: 'role.admin',
}

function roleWord(role: Role | undefined): Key {
  return ROLES[role ?? ''] ?? 'role.other'
}

/** Language, colours, password, leaving. `small`: only the first letter of the name is shown. */
export function AccountMenu({ small = false }: { small?: boolean }) {
  const { t, i18n } = useTranslation()
  const { data: me } = useQuery(meQuery)
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const dialogs = useDialogs()
  const signOut = useSignOut()
  const name = me?.user.name ?? ''
  return (
    <Menu
      withInitialFocusPlaceholder={false}
      position={small ? 'bottom-end' : 'top-start'}
      width={236}
      shadow="md"
      radius={12}
    >
      <Menu.Target>
        <button type="button" className={css.account} aria-label={t('account.open', { name })}>
          <span className={css.avatar} aria-hidden="true">
            {name.slice(0, 1).toUpperCase()}
          </span>
          {small ? null : (
            <span className={css.accountText}>
              <strong>{name}</strong>
              <span>{t(roleWord(me?.user.role))}</span>
            </span>
          )}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t('account.language')}</Menu.Label>
        {(Object.entries(LANGUAGES) as [Language, string][]).map(([tag, label]) => (
          <Menu.Item
            key={tag}
            lang={tag}
            leftSection={<Icon name="language" />}
            rightSection={i18n.language === tag ? <Chosen /> : null}
            onClick={() => void changeLanguage(tag)}
          >
            {label}
          </Menu.Item>
        ))}
        <Menu.Label>{t('account.theme')}</Menu.Label>
        {(Object.entries(SCHEMES) as [Scheme, (typeof SCHEMES)[Scheme]][]).map(([scheme, look]) => (
          <Menu.Item
            key={scheme}
            leftSection={<Icon name={look.icon} />}
            rightSection={colorScheme === scheme ? <Chosen /> : null}
            onClick={() => setColorScheme(scheme)}
          >
            {t(look.word)}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<Icon name="key" />} onClick={() => dialogs.open({ kind: 'password' })}>
          {t('account.password')}
        </Menu.Item>
        <Menu.Item
          leftSection={<Icon name="check" />}
          onClick={() => dialogs.open({ kind: 'second-factor' })}
        >
          {t('factor.title')}
        </Menu.Item>
        <Menu.Item leftSection={<Icon name="leave" />} onClick={signOut}>
          {t('account.sign_out')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

function Chosen() {
  const { t } = useTranslation()
  return (
    <>
      <Icon name="check" size={16} />
      <span className="visually-hidden">{t('account.chosen')}</span>
    </>
  )
}

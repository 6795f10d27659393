import { useMantineColorScheme } from '@mantine/core'
import { Spotlight, type SpotlightActionGroupData } from '@mantine/spotlight'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../api/session.ts'
import { useLive } from '../api/useLive.ts'
import { changeLanguage, type Key, LANGUAGES, type Language } from '../i18n/index.ts'
import { Icon, type IconName } from '../ui/icons.tsx'
import { SCHEMES, type Scheme } from './AccountMenu.tsx'
import { useDialogs } from './dialogs.tsx'
import { paletteStore } from './openPalette.ts'
import { pagesFor } from './pages.ts'
import { useSignOut } from './useSignOut.ts'

const SECTIONS: readonly { id: string; icon: IconName; word: Key }[] = [
  { id: 'traffic', icon: 'chart', word: 'traffic.title' },
  { id: 'nodes', icon: 'node', word: 'nodes.title' },
  { id: 'workers', icon: 'worker', word: 'workers.title' },
  { id: 'tasks', icon: 'tasks', word: 'tasks.title' },
  { id: 'parts', icon: 'parts', word: 'parts.title' },
  { id: 'machine', icon: 'machine', word: 'machine.title' },
  { id: 'events', icon: 'bell', word: 'events.title' },
]

/** Ctrl-K: every verb that there is, found by typing. */
export function Palette() {
  const { t } = useTranslation()
  const go = useGoing()
  const change = useChanging()
  const own = useOwn()
  return (
    <Spotlight
      store={paletteStore}
      actions={[go, ...change, own]}
      shortcut="mod + K"
      nothingFound={t('palette.nothing')}
      overlayProps={{ blur: 3, backgroundOpacity: 0.4 }}
      scrollable
      scrollAreaProps={{ viewportProps: { tabIndex: 0, 'aria-label': t('palette.ask'), role: 'region' } }}
      maxHeight={420}
      searchProps={{
        leftSection: <Icon name="search" />,
        placeholder: t('palette.ask'),
        'aria-label': t('palette.ask'),
      }}
    />
  )
}

function useGoing(): SpotlightActionGroupData {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const { data: me } = useQuery(meQuery)
  const jump = async (id: string) => {
    await navigate({ to: '/' })
    requestAnimationFrame(() => {
      const panel = document.getElementById(id)
      panel?.scrollIntoView({ block: 'start' })
      panel?.focus({ preventScroll: true })
    })
  }
  return {
    group: t('palette.go'),
    actions: [
      ...pagesFor((least) => reaches(me?.user.role, least)).map((place) => ({
        id: `go-${place.to}`,
        label: t(place.word),
        leftSection: <Icon name={place.icon} />,
        onClick: () => void navigate({ to: place.to }),
      })),
      ...SECTIONS.map((section) => ({
        id: `go-${section.id}`,
        label: t(section.word),
        leftSection: <Icon name={section.icon} />,
        onClick: () => void jump(section.id),
      })),
    ],
  }
}

/** Verbs that change the cluster; nobody sees those that the API would refuse. */
function useChanging(): SpotlightActionGroupData[] {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const navigate = useNavigate()
  const { data: me } = useQuery(meQuery)
  const names = useLive((state) => (state.overview?.system.parts ?? []).map((part) => part.name).join('\n'))
  if (!reaches(me?.user.role, 'user')) return []
  const submit = {
    id: 'new-plan',
    label: t('plans.new'),
    leftSection: <Icon name="plan" />,
    onClick: () => void navigate({ to: '/plans/new' }),
  }
  if (!reaches(me?.user.role, 'operator')) return [{ group: t('palette.change'), actions: [submit] }]
  const parts = names === '' ? [] : names.split('\n')
  return [
    {
      group: t('palette.change'),
      actions: [
        submit,
        {
          id: 'new-objective',
          label: t('objectives.new'),
          leftSection: <Icon name="target" />,
          onClick: () => void navigate({ to: '/objectives/new' }),
        },
        {
          id: 'pull-model',
          label: t('models.pull'),
          leftSection: <Icon name="download" />,
          onClick: () => void navigate({ to: '/models', search: { ask: 'pull' } }),
        },
        {
          id: 'workers',
          label: t('workers.add.title'),
          leftSection: <Icon name="plus" />,
          onClick: () => dialogs.open({ kind: 'workers' }),
        },
        ...(reaches(me?.user.role, 'admin')
          ? [
              {
                id: 'new-key',
                label: t('gateway.key.new'),
                leftSection: <Icon name="key" />,
                onClick: () => void navigate({ to: '/gateway', search: { ask: 'key' } }),
              },
            ]
          : []),
        ...parts.map((part) => ({
          id: `restart-${part}`,
          label: t('restart.title', { part }),
          leftSection: <Icon name="restart" />,
          onClick: () => dialogs.open({ kind: 'restart', part }),
        })),
      ],
    },
  ]
}

function useOwn(): SpotlightActionGroupData {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const signOut = useSignOut()
  const { setColorScheme } = useMantineColorScheme()
  return {
    group: t('palette.own'),
    actions: [
      ...(Object.entries(LANGUAGES) as [Language, string][]).map(([tag, label]) => ({
        id: `language-${tag}`,
        label,
        leftSection: <Icon name="language" />,
        onClick: () => void changeLanguage(tag),
      })),
      ...(Object.entries(SCHEMES) as [Scheme, (typeof SCHEMES)[Scheme]][]).map(([scheme, look]) => ({
        id: `theme-${scheme}`,
        label: `${t('account.theme')}: ${t(look.word)}`,
        leftSection: <Icon name={look.icon} />,
        onClick: () => setColorScheme(scheme),
      })),
      {
        id: 'password',
        label: t('account.password'),
        leftSection: <Icon name="key" />,
        onClick: () => dialogs.open({ kind: 'password' }),
      },
      { id: 'sign-out', label: t('account.sign_out'), leftSection: <Icon name="leave" />, onClick: signOut },
    ],
  }
}

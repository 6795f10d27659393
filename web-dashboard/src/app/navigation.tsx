import { Menu } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useLocation, useNavigate } from '@tanstack/react-router'
import { Fragment } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../api/session.ts'
import { useOverview } from '../api/useLive.ts'
import { Icon } from '../ui/icons.tsx'
import { AccountMenu } from './AccountMenu.tsx'
import { Mark } from './Brand.tsx'
import css from './frame.module.css'
import { LinkState } from './LinkState.tsx'
import { openPalette } from './openPalette.ts'
import { beginsGroup, pagesFor } from './pages.ts'

/** Pages that fit beside each other at the foot of a phone; one more is the menu of the rest. */
const AT_FOOT = 5

type Pages = ReturnType<typeof pagesFor>

function usePages(): Pages {
  const { data: me } = useQuery(meQuery)
  return pagesFor((least) => reaches(me?.user.role, least)).filter((page) => !page.isRare)
}

function PageLinks({ pages, className }: { pages: Pages; className: string | undefined }) {
  const { t } = useTranslation()
  const { pathname } = useLocation()
  return pages.map((page, index) => (
    <Link
      key={page.to}
      to={page.to}
      className={className}
      data-begins={beginsGroup(pages, index) || undefined}
      aria-current={page.also && pathname.startsWith(page.also) ? 'page' : undefined}
      activeOptions={{ exact: page.to === '/', includeSearch: false }}
    >
      <Icon name={page.icon} size={20} />
      <span>{t(page.word)}</span>
    </Link>
  ))
}

function ClusterName() {
  const overview = useOverview()
  return <span className={css.clusterName}>{overview?.system.name ?? ''}</span>
}

/** Navigation of wide windows. */
export function Rail() {
  const { t } = useTranslation()
  const pages = usePages()
  return (
    <div className={css.rail}>
      <Link to="/" className={css.brand} aria-label="Cluster AI">
        <Mark size={30} />
        <span className={css.brandText}>
          <strong>Cluster AI</strong>
          <ClusterName />
        </span>
      </Link>
      <button type="button" className={css.find} onClick={openPalette} aria-label={t('palette.open')}>
        <Icon name="search" size={16} />
        <span>{t('palette.open')}</span>
        <kbd>Ctrl K</kbd>
      </button>
      <nav aria-label={t('shell.pages')} className={css.railLinks}>
        <PageLinks pages={pages} className={css.railLink} />
      </nav>
      <div className={css.railEnd}>
        <LinkState />
        <AccountMenu />
      </div>
    </div>
  )
}

/** Head of phones: the brand, the link's state and the account. */
export function TopBar() {
  const { t } = useTranslation()
  return (
    <header className={css.topBar}>
      <Link to="/" className={css.brand} aria-label="Cluster AI">
        <Mark size={28} />
        <strong>Cluster AI</strong>
      </Link>
      <div className={css.topEnd}>
        <LinkState />
        <button type="button" className={css.round} onClick={openPalette} aria-label={t('palette.open')}>
          <Icon name="search" size={20} />
        </button>
        <AccountMenu small />
      </div>
    </header>
  )
}

/** Navigation of phones. */
export function Bottom() {
  const { t } = useTranslation()
  const pages = usePages()
  const first = pages.length > AT_FOOT ? pages.slice(0, AT_FOOT - 1) : pages
  return (
    <nav aria-label={t('shell.pages')} className={css.bottom}>
      <PageLinks pages={first} className={css.bottomLink} />
      {pages.length > first.length ? <Rest pages={pages.slice(first.length)} /> : null}
    </nav>
  )
}

/** Pages that have no room at the foot. */
function Rest({ pages }: { pages: Pages }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  return (
    <Menu position="top-end" shadow="md" radius={12} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <button type="button" className={css.bottomLink}>
          <Icon name="menu" size={20} />
          <span>{t('nav.more')}</span>
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {pages.map((page, index) => (
          <Fragment key={page.to}>
            {beginsGroup(pages, index) ? <Menu.Divider /> : null}
            <Menu.Item leftSection={<Icon name={page.icon} />} onClick={() => void navigate({ to: page.to })}>
              {t(page.word)}
            </Menu.Item>
          </Fragment>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

import { Outlet, useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Live } from '../api/live.ts'
import { forget, meQuery, queries, reaches } from '../api/session.ts'
import { LiveContext, useLive } from '../api/useLive.ts'
import { useSay } from '../ui/notices.tsx'
import { Dialogs } from './dialogs.tsx'
import { FreezeNotice } from './FreezeNotice.tsx'
import css from './frame.module.css'
import { Bottom, Rail, TopBar } from './navigation.tsx'
import { Palette } from './Palette.tsx'
import { PasswordNotice } from './PasswordNotice.tsx'
import { ownPath } from './places.ts'

/** Asked when the stream failed: a refused upgrade does not say why. While the API is away nobody is signed out. */
async function isSignedIn(): Promise<boolean> {
  try {
    return (await queries.fetchQuery({ ...meQuery, staleTime: 0 })) !== null
  } catch {
    return true
  }
}

/** Who may not list plans is refused their topics, and the whole stream with them. */
function topics(): string {
  const role = queries.getQueryData(meQuery.queryKey)?.user.role
  return reaches(role, 'user') ? 'overview,events,plan,ticket' : 'overview,events'
}

/** The frame around every page of somebody who is signed in; owns the tab's one WebSocket. */
export function Shell() {
  const { t } = useTranslation()
  const [live] = useState(() => new Live(isSignedIn, topics))
  useEffect(() => live.start(), [live])
  return (
    <LiveContext value={live}>
      <Dialogs>
        <a href="#main" className={css.skip}>
          {t('shell.skip')}
        </a>
        <div className={css.frame}>
          <Rail />
          <TopBar />
          <main id="main" className={css.main} tabIndex={-1}>
            <PasswordNotice />
            <FreezeNotice />
            <Outlet />
          </main>
          <Bottom />
        </div>
        <Palette />
        <Farewell />
      </Dialogs>
    </LiveContext>
  )
}

/** Leads to the sign-in page when the session ends while a page is open. */
function Farewell() {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const say = useSay()
  const hasEnded = useLive((state) => state.link === 'ended')
  useEffect(() => {
    if (!hasEnded) return
    forget()
    say(t('shell.session_ended'))
    void navigate({
      to: '/sign-in',
      search: { next: ownPath(window.location.pathname + window.location.search) },
    })
  }, [hasEnded, navigate, say, t])
  return null
}

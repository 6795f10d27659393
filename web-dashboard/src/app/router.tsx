import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  type RouterHistory,
  redirect,
} from '@tanstack/react-router'
import { meQuery, queries } from '../api/session.ts'
import { NotFoundPage } from '../routes/not-found.tsx'
import { Broken } from './Broken.tsx'
import { Shell } from './Shell.tsx'

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFoundPage, errorComponent: Broken })

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search: Record<string, unknown>): { next?: string } => ({ next: ownPath(search.next) }),
  beforeLoad: async ({ search }) => {
    const me = await queries.ensureQueryData(meQuery).catch(() => null)
    if (me) throw redirect({ to: search.next ?? '/' })
  },
  component: lazyRouteComponent(() => import('../routes/sign-in.tsx'), 'SignInPage'),
})

const inside = createRoute({
  getParentRoute: () => root,
  id: 'inside',
  beforeLoad: async ({ location }) => {
    const me = await queries.ensureQueryData(meQuery)
    if (!me)
      throw redirect({ to: '/sign-in', search: location.pathname === '/' ? {} : { next: location.pathname } })
  },
  component: Shell,
})

const overview = createRoute({
  getParentRoute: () => inside,
  path: '/',
  component: lazyRouteComponent(() => import('../routes/overview/page.tsx'), 'OverviewPage'),
})

const machines = createRoute({
  getParentRoute: () => inside,
  path: '/machines',
  component: lazyRouteComponent(() => import('../routes/machines/page.tsx'), 'MachinesPage'),
})

const chat = createRoute({
  getParentRoute: () => inside,
  path: '/chat',
  component: lazyRouteComponent(() => import('../routes/chat/page.tsx'), 'ChatPage'),
})

const logs = createRoute({
  getParentRoute: () => inside,
  path: '/logs',
  validateSearch: (search: Record<string, unknown>): { q?: string } =>
    typeof search.q === 'string' && search.q ? { q: search.q.slice(0, 500) } : {},
  component: lazyRouteComponent(() => import('../routes/logs/page.tsx'), 'LogsPage'),
})

const tree = root.addChildren([signIn, inside.addChildren([overview, machines, chat, logs])])

/** `history`: where the address lives; the browser's bar when nothing else is given. */
export function createAppRouter(history?: RouterHistory) {
  return createRouter({
    routeTree: tree,
    defaultPreload: 'intent',
    scrollRestoration: true,
    ...(history ? { history } : {}),
  })
}

/** A path of ours, or nothing: a link must not send people elsewhere after they signed in. */
export function ownPath(value: unknown): string | undefined {
  if (typeof value !== 'string' || !/^\/(?![/\\])[\w\-./]*$/.test(value)) return undefined
  return value
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>
  }
}

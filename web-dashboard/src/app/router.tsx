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
import type { BudgetState, PlanState, TicketState } from '../api/types.ts'
import { NotFoundPage } from '../routes/not-found.tsx'
import type { TicketsAsked } from '../routes/plans/plans.ts'
import { Broken } from './Broken.tsx'
import { ownPath, placeOf } from './places.ts'
import { Shell } from './Shell.tsx'
import {
  BUDGET_STATES,
  EVENT_KINDS,
  INCIDENT_KINDS,
  LAYOUTS,
  MODEL_VIEWS,
  PLAN_STATES,
  PLAN_VIEWS,
  TICKET_KINDS,
  TICKET_PRIORITIES,
  TICKET_STATES,
  USAGE_BY,
} from './searches.ts'

/** `value` where it is one of `known`. What is none is named as such: else it came through as it stands in the address. */
function oneOf<T extends string>(known: readonly T[], value: unknown): T | undefined {
  return known.find((one) => one === value)
}

/** A short text, or nothing. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, 200) : undefined
}

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFoundPage, errorComponent: Broken })

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search: Record<string, unknown>): { next?: string } => ({ next: ownPath(search.next) }),
  beforeLoad: async ({ search }) => {
    const me = await queries.ensureQueryData(meQuery).catch(() => null)
    if (me) throw redirect(placeOf(search.next))
  },
  component: lazyRouteComponent(() => import('../routes/sign-in.tsx'), 'SignInPage'),
})

const inside = createRoute({
  getParentRoute: () => root,
  id: 'inside',
  beforeLoad: async ({ location }) => {
    const me = await queries.ensureQueryData(meQuery)
    if (!me)
      throw redirect({
        to: '/sign-in',
        search: { next: ownPath(location.href === '/' ? null : location.href) },
      })
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
  validateSearch: (search: Record<string, unknown>): { view?: 'beside' } => ({
    view: oneOf(['beside'], search.view),
  }),
  component: lazyRouteComponent(() => import('../routes/chat/page.tsx'), 'ChatPage'),
})

const logs = createRoute({
  getParentRoute: () => inside,
  path: '/logs',
  validateSearch: (search: Record<string, unknown>): { q?: string } =>
    typeof search.q === 'string' && search.q ? { q: search.q.slice(0, 500) } : {},
  component: lazyRouteComponent(() => import('../routes/logs/page.tsx'), 'LogsPage'),
})

const plans = createRoute({
  getParentRoute: () => inside,
  path: '/plans',
  validateSearch: (search: Record<string, unknown>): { status?: PlanState; owner?: string } => ({
    status: oneOf(PLAN_STATES, search.status),
    owner: textOf(search.owner),
  }),
  component: lazyRouteComponent(() => import('../routes/plans/page.tsx'), 'PlansPage'),
})

const newPlan = createRoute({
  getParentRoute: () => inside,
  path: '/plans/new',
  component: lazyRouteComponent(() => import('../routes/plans/NewPage.tsx'), 'NewPlanPage'),
})

const plan = createRoute({
  getParentRoute: () => inside,
  path: '/plans/$planId',
  validateSearch: (
    search: Record<string, unknown>,
  ): { view?: (typeof PLAN_VIEWS)[number]; state?: TicketState } => ({
    view: oneOf(PLAN_VIEWS, search.view),
    state: oneOf(TICKET_STATES, search.state),
  }),
  component: lazyRouteComponent(() => import('../routes/plans/PlanPage.tsx'), 'PlanPage'),
})

const tickets = createRoute({
  getParentRoute: () => inside,
  path: '/tickets',
  validateSearch: (search: Record<string, unknown>): TicketsAsked => ({
    plan: textOf(search.plan),
    state: oneOf(TICKET_STATES, search.state),
    kind: oneOf(TICKET_KINDS, search.kind),
    priority: oneOf(TICKET_PRIORITIES, search.priority),
    text: textOf(search.text),
  }),
  component: lazyRouteComponent(() => import('../routes/tickets/ListPage.tsx'), 'TicketsPage'),
})

const ticket = createRoute({
  getParentRoute: () => inside,
  path: '/tickets/$ticketId',
  component: lazyRouteComponent(() => import('../routes/tickets/page.tsx'), 'TicketPage'),
})

const objectives = createRoute({
  getParentRoute: () => inside,
  path: '/objectives',
  validateSearch: (search: Record<string, unknown>): { status?: BudgetState; service?: string } => ({
    status: oneOf(BUDGET_STATES, search.status),
    service: textOf(search.service),
  }),
  component: lazyRouteComponent(() => import('../routes/objectives/page.tsx'), 'ObjectivesPage'),
})

const newObjective = createRoute({
  getParentRoute: () => inside,
  path: '/objectives/new',
  validateSearch: (search: Record<string, unknown>): { by?: 'yaml' } => ({ by: oneOf(['yaml'], search.by) }),
  component: lazyRouteComponent(() => import('../routes/objectives/EditPage.tsx'), 'NewObjectivePage'),
})

const objective = createRoute({
  getParentRoute: () => inside,
  path: '/objectives/$sloId',
  component: lazyRouteComponent(() => import('../routes/objectives/ObjectivePage.tsx'), 'ObjectivePage'),
})

const editObjective = createRoute({
  getParentRoute: () => inside,
  path: '/objectives/$sloId/edit',
  component: lazyRouteComponent(() => import('../routes/objectives/EditPage.tsx'), 'EditObjectivePage'),
})

const freezes = createRoute({
  getParentRoute: () => inside,
  path: '/freezes',
  component: lazyRouteComponent(() => import('../routes/freezes/page.tsx'), 'FreezesPage'),
})

const setup = createRoute({
  getParentRoute: () => inside,
  path: '/setup',
  component: lazyRouteComponent(() => import('../routes/setup/page.tsx'), 'SetupPage'),
})

const people = createRoute({
  getParentRoute: () => inside,
  path: '/people',
  component: lazyRouteComponent(() => import('../routes/people/page.tsx'), 'PeoplePage'),
})

const audit = createRoute({
  getParentRoute: () => inside,
  path: '/audit',
  component: lazyRouteComponent(() => import('../routes/audit/page.tsx'), 'AuditPage'),
})

const topology = createRoute({
  getParentRoute: () => inside,
  path: '/topology',
  validateSearch: (
    search: Record<string, unknown>,
  ): { layout?: (typeof LAYOUTS)[number]; view?: 'table' } => ({
    layout: oneOf(LAYOUTS, search.layout),
    view: oneOf(['table'], search.view),
  }),
  component: lazyRouteComponent(() => import('../routes/topology/page.tsx'), 'TopologyPage'),
})

const models = createRoute({
  getParentRoute: () => inside,
  path: '/models',
  validateSearch: (
    search: Record<string, unknown>,
  ): {
    view?: (typeof MODEL_VIEWS)[number]
    q?: string
    capability?: string
    node?: string
    model?: string
    ask?: 'pull'
  } => ({
    view: oneOf(MODEL_VIEWS, search.view),
    q: textOf(search.q),
    capability: textOf(search.capability),
    node: textOf(search.node),
    model: textOf(search.model),
    ask: oneOf(['pull'], search.ask),
  }),
  component: lazyRouteComponent(() => import('../routes/models/page.tsx'), 'ModelsPage'),
})

const gateway = createRoute({
  getParentRoute: () => inside,
  path: '/gateway',
  validateSearch: (
    search: Record<string, unknown>,
  ): { request?: string; by?: (typeof USAGE_BY)[number]; ask?: 'key' } => ({
    request: textOf(search.request),
    by: oneOf(USAGE_BY, search.by),
    ask: oneOf(['key'], search.ask),
  }),
  component: lazyRouteComponent(() => import('../routes/gateway/page.tsx'), 'GatewayPage'),
})

const served = [models, gateway] as const

const backups = createRoute({
  getParentRoute: () => inside,
  path: '/backups',
  component: lazyRouteComponent(() => import('../routes/backups/page.tsx'), 'BackupsPage'),
})

const events = createRoute({
  getParentRoute: () => inside,
  path: '/events',
  validateSearch: (
    search: Record<string, unknown>,
  ): {
    kind?: (typeof EVENT_KINDS)[number]
    severity?: 'trouble'
    subject?: string
    incident?: (typeof INCIDENT_KINDS)[number]
    open?: 'open'
  } => ({
    kind: oneOf(EVENT_KINDS, search.kind),
    severity: oneOf(['trouble'], search.severity),
    subject: textOf(search.subject),
    incident: oneOf(INCIDENT_KINDS, search.incident),
    open: oneOf(['open'], search.open),
  }),
  component: lazyRouteComponent(() => import('../routes/events/page.tsx'), 'EventsPage'),
})

const services = createRoute({
  getParentRoute: () => inside,
  path: '/services',
  validateSearch: (search: Record<string, unknown>): { q?: string; able?: string } => ({
    q: textOf(search.q),
    able: textOf(search.able),
  }),
  component: lazyRouteComponent(() => import('../routes/services/page.tsx'), 'ServicesPage'),
})

const compute = createRoute({
  getParentRoute: () => inside,
  path: '/compute',
  validateSearch: (search: Record<string, unknown>): { job?: string } => ({ job: textOf(search.job) }),
  component: lazyRouteComponent(() => import('../routes/compute/page.tsx'), 'ComputePage'),
})

const doctor = createRoute({
  getParentRoute: () => inside,
  path: '/doctor',
  component: lazyRouteComponent(() => import('../routes/doctor/page.tsx'), 'DoctorPage'),
})

const updates = createRoute({
  getParentRoute: () => inside,
  path: '/updates',
  component: lazyRouteComponent(() => import('../routes/updates/page.tsx'), 'UpdatesPage'),
})

const settings = createRoute({
  getParentRoute: () => inside,
  path: '/settings',
  component: lazyRouteComponent(() => import('../routes/settings/page.tsx'), 'SettingsPage'),
})

const configuration = createRoute({
  getParentRoute: () => inside,
  path: '/configuration',
  validateSearch: (search: Record<string, unknown>): { q?: string; only?: 'changed' } => ({
    q: textOf(search.q),
    only: oneOf(['changed'], search.only),
  }),
  component: lazyRouteComponent(() => import('../routes/configuration/page.tsx'), 'ConfigurationPage'),
})

const kept = [
  people,
  audit,
  setup,
  backups,
  topology,
  events,
  services,
  compute,
  doctor,
  updates,
  settings,
  configuration,
] as const

const work = [
  plans,
  newPlan,
  plan,
  tickets,
  ticket,
  objectives,
  newObjective,
  objective,
  editObjective,
  freezes,
] as const
const tree = root.addChildren([
  signIn,
  inside.addChildren([overview, machines, chat, logs, ...served, ...kept, ...work]),
])

/** `history`: where the address lives; the browser's bar when nothing else is given. */
export function createAppRouter(history?: RouterHistory) {
  return createRouter({
    routeTree: tree,
    defaultPreload: 'intent',
    scrollRestoration: true,
    ...(history ? { history } : {}),
  })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>
  }
}

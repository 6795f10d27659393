/** The pages there are: what the navigation and the palette both offer. */
import type { reaches } from '../api/session.ts'
import type { Key } from '../i18n/index.ts'
import type { IconName } from '../ui/icons.tsx'

type Least = Parameters<typeof reaches>[1]

export interface Page {
  to: string
  icon: IconName
  word: Key
  group: 'use' | 'cluster' | 'work' | 'watch' | 'care'
  /** Only who reaches this role is shown it. */
  least?: Least
  /** Found by name, but not worth a place beside the others all the time. */
  isRare?: true
  /** Where what belongs to it stands, too. */
  also?: string
}

/** Those of a group stand together, the groups in the order of how often they are looked for: a phone shows the first. */
export const PAGES = [
  { to: '/', icon: 'overview', word: 'nav.overview', group: 'use' },
  { to: '/chat', icon: 'chat', word: 'nav.chat', group: 'use' },
  { to: '/machines', icon: 'machine', word: 'nav.machines', group: 'cluster' },
  { to: '/models', icon: 'model', word: 'models.title', group: 'cluster' },
  { to: '/gateway', icon: 'gate', word: 'gateway.title', group: 'cluster' },
  { to: '/services', icon: 'parts', word: 'nav.services', group: 'cluster' },
  { to: '/topology', icon: 'topology', word: 'topology.heading', group: 'cluster' },
  { to: '/plans', icon: 'plan', word: 'nav.plans', group: 'work', least: 'user', also: '/tickets' },
  { to: '/tickets', icon: 'plan', word: 'plan.tickets', group: 'work', least: 'user', isRare: true },
  { to: '/objectives', icon: 'target', word: 'nav.objectives', group: 'work' },
  { to: '/freezes', icon: 'frost', word: 'freezes.heading', group: 'work', isRare: true },
  { to: '/compute', icon: 'worker', word: 'nav.compute', group: 'work' },
  { to: '/events', icon: 'bell', word: 'log.heading', group: 'watch' },
  { to: '/logs', icon: 'lines', word: 'nav.logs', group: 'watch', least: 'operator' },
  { to: '/doctor', icon: 'pulse', word: 'nav.doctor', group: 'watch', least: 'operator' },
  { to: '/people', icon: 'user', word: 'nav.people', group: 'care', least: 'admin' },
  { to: '/audit', icon: 'clock', word: 'nav.audit', group: 'care', least: 'admin' },
  { to: '/backups', icon: 'archive', word: 'nav.backups', group: 'care', least: 'admin' },
  { to: '/updates', icon: 'download', word: 'nav.updates', group: 'care' },
  { to: '/settings', icon: 'sliders', word: 'nav.settings', group: 'care', also: '/configuration' },
  {
    to: '/configuration',
    icon: 'sliders',
    word: 'configuration.title',
    group: 'care',
    least: 'admin',
    isRare: true,
  },
  { to: '/setup', icon: 'flag', word: 'nav.setup', group: 'care', least: 'admin', isRare: true },
] as const satisfies readonly Page[]

export type Place = (typeof PAGES)[number]['to']
type Listed = Page & { to: Place }

/** Those that somebody in this role may open. Pure. */
export function pagesFor(mayReach: (least: Least) => boolean): readonly Listed[] {
  const all: readonly Listed[] = PAGES
  return all.filter((page) => !page.least || mayReach(page.least))
}

/** Whether a group begins with the page at `index`, other than the first one. Pure. */
export const beginsGroup = (pages: readonly Page[], index: number): boolean =>
  index > 0 && pages[index]?.group !== pages[index - 1]?.group

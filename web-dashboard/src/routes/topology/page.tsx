import { NativeSelect, SegmentedControl } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { ApiError } from '../../api/errors.ts'
import type { Overview } from '../../api/types.ts'
import { useLive, useOverview } from '../../api/useLive.ts'
import { LAYOUTS } from '../../app/searches.ts'
import { useTitle } from '../../app/useTitle.ts'
import type { Key } from '../../i18n/index.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Failure } from '../../ui/Failure.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { machinesQuery } from '../machines/machines.ts'
import { Stale } from '../overview/Stale.tsx'
import type { Layout } from './layouts.ts'
import { ThingTable } from './ThingTable.tsx'
import { TopologyView } from './TopologyView.tsx'
import { KINDS, type Thing, tallies, thingsOf, unwell } from './things.ts'
import css from './topology.module.css'
import { useThingWords } from './words.ts'

const WORDS: Record<Layout, Key> = {
  star: 'topology.star',
  mesh: 'topology.mesh',
  ring: 'topology.ring',
  tree: 'topology.tree',
  hierarchical: 'topology.hierarchical',
}

/** What the cluster is made of and what hangs on what: drawn in five ways, or the same as a table. */
export function TopologyPage() {
  const { t } = useTranslation()
  useTitle(t('topology.heading'))
  const overview = useOverview()
  return (
    <>
      <PageHead title={t('topology.heading')} note={t('topology.text')} />
      <Stale />
      {overview ? <Known overview={overview} /> : <Waiting />}
    </>
  )
}

/** Before the first picture: that it comes, or why none does. */
function Waiting() {
  const { t } = useTranslation()
  const isLost = useLive((state) => state.link === 'lost')
  if (isLost) return <Failure error={new ApiError({ status: 0, code: 'network' })} />
  return (
    <p className={css.summary} role="status" aria-busy="true">
      {t('overview.waiting')}
    </p>
  )
}

function Known({ overview }: { overview: Overview }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const machines = useQuery(machinesQuery)
  const { layout = 'star', view = 'drawing' } = useSearch({ strict: false }) as {
    layout?: Layout
    view?: 'table'
  }
  const things = thingsOf(overview, machines.data ?? null)
  const show = (change: { layout?: Layout | undefined; view?: 'table' | undefined }) =>
    void navigate({
      to: '/topology',
      search: { layout, view: view === 'table' ? view : undefined, ...change },
      replace: true,
    })
  return (
    <>
      {machines.error ? <Failure error={machines.error} /> : null}
      <Panel
        id="topology"
        icon="topology"
        title={t('topology.title')}
        end={
          <>
            {view === 'drawing' ? (
              <NativeSelect
                size="xs"
                aria-label={t('topology.layout')}
                value={layout}
                onChange={(event) => show({ layout: event.currentTarget.value as Layout })}
                data={LAYOUTS.map((value) => ({ value, label: t(WORDS[value]) }))}
              />
            ) : null}
            <SegmentedControl
              size="xs"
              value={view}
              onChange={(value) => show({ view: value === 'table' ? value : undefined })}
              aria-label={t('traffic.view')}
              data={[
                { value: 'drawing', label: t('dag.drawing') },
                { value: 'table', label: t('traffic.table') },
              ]}
            />
          </>
        }
      >
        <Summary things={things} knowsMachines={machines.data !== undefined} />
        {view === 'drawing' ? (
          <TopologyView things={things} layout={layout} />
        ) : (
          <ThingTable things={things} />
        )}
      </Panel>
    </>
  )
}

/** So many are named; of the others the drawing and the table tell. */
const NAMED = 8

/** What the drawing says, in words. */
function Summary({ things, knowsMachines }: { things: readonly Thing[]; knowsMachines: boolean }) {
  const { t } = useTranslation()
  const format = useFormat()
  const words = useThingWords()
  const well = tallies(things).map(({ kind, well, total }) =>
    t('topology.well', {
      what: t(KINDS[kind].word),
      well: format.number(well, 0),
      total: format.number(total, 0),
    }),
  )
  const parts = things.filter((thing) => thing.kind === 'gateway' || thing.kind === 'scheduler')
  const said = parts.map((part) => `${words.name(part)}: ${t(part.look.word)}`)
  const bad = unwell(things)
  const named = bad.slice(0, NAMED).map((thing) => {
    const kind = thing.name ? `${t(KINDS[thing.kind].word)} ` : ''
    return `${kind}${words.name(thing)} (${t(thing.look.word)})`
  })
  if (bad.length > NAMED) named.push(`+${format.number(bad.length - NAMED, 0)}`)
  return (
    <p className={css.summary}>
      {[...said, ...well].join(' · ')}
      {'. '}
      {bad.length > 0 ? t('topology.look', { things: named.join(', ') }) : t('topology.all_well')}
      {knowsMachines ? null : ` ${t('topology.machines.unknown')}`}
    </p>
  )
}

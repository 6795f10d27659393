import { Button, NativeSelect, SegmentedControl, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useCallback, useDeferredValue, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { MODEL_VIEWS } from '../../app/searches.ts'
import { useTitle } from '../../app/useTitle.ts'
import { Awaited, Bones } from '../../ui/Awaited.tsx'
import { Icon } from '../../ui/icons.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { Stale } from '../overview/Stale.tsx'
import { Acts, type ModelAsk, useActs } from './acts.tsx'
import { Matrix } from './Matrix.tsx'
import { ModelTable } from './ModelTable.tsx'
import {
  abilityKey,
  filtered,
  fullName,
  isOpen,
  type Picture,
  pullsQuery,
  type Row,
  usePicture,
  useRows,
} from './models.ts'
import { PullsPanel } from './PullsPanel.tsx'

/** Loaded when first asked for. */
const LibraryPanel = lazy(() => import('./LibraryPanel.tsx'))
const ModelDialog = lazy(() => import('./ModelDialogs.tsx'))
const ModelDrawer = lazy(() => import('./ModelDrawer.tsx'))

type View = (typeof MODEL_VIEWS)[number] | 'list'

interface Search {
  view?: (typeof MODEL_VIEWS)[number] | undefined
  q?: string | undefined
  capability?: string | undefined
  node?: string | undefined
  model?: string | undefined
  ask?: 'pull' | undefined
}

/** What the machines have, what is on its way to them, and what there is to fetch. All of it stands in the address. */
export function ModelsPage() {
  const { t } = useTranslation()
  useTitle(t('models.title'))
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as Search
  const { data: me } = useQuery(meQuery)
  const [asked, setAsked] = useState<ModelAsk | null>(null)
  const may = reaches(me?.user.role, 'operator')
  const picture = usePicture()
  const { rows, isPartial } = useRows(picture)
  const go = useCallback(
    (change: Search, replace = false) =>
      void navigate({
        to: '/models',
        search: (before) => ({ ...(before as Search), ...change }),
        replace,
      }),
    [navigate],
  )
  const open = useCallback((model: string) => go({ model }), [go])
  const ask =
    asked ?? (may && search.ask === 'pull' ? ({ kind: 'pull', model: '', nodes: [] } as const) : null)
  const close = () => {
    setAsked(null)
    if (search.ask) go({ ask: undefined }, true)
  }
  const model = search.model
  return (
    <Acts may={may} onAsk={setAsked}>
      <Stale />
      <PageHead title={t('models.title')} note={t('models.note')}>
        {reaches(me?.user.role, 'user') ? (
          <Button variant="default" onClick={() => setAsked({ kind: 'updates' })}>
            {t('models.updates.check')}
          </Button>
        ) : null}
        {may ? (
          <Button
            leftSection={<Icon name="download" size={16} />}
            onClick={() => setAsked({ kind: 'pull', model: '', nodes: [] })}
          >
            {t('models.pull')}
          </Button>
        ) : null}
      </PageHead>
      <Body
        picture={picture}
        rows={rows}
        isPartial={isPartial}
        search={search}
        onGo={go}
        onOpen={open}
        hasDrawer={model !== undefined}
      />
      <Suspense fallback={null}>
        {model !== undefined ? (
          <ModelDrawer
            key={model}
            name={model}
            row={rows.find((row) => row.name === model || row.name === fullName(model))}
            picture={picture}
            onClose={() => go({ model: undefined })}
          />
        ) : null}
        {ask ? (
          <ModelDialog
            key={JSON.stringify(ask)}
            ask={ask}
            picture={picture}
            mayChange={may}
            onClose={close}
          />
        ) : null}
      </Suspense>
    </Acts>
  )
}

interface BodyProps {
  picture: Picture | null
  rows: readonly Row[]
  isPartial: boolean
  search: Search
  onGo: (change: Search, replace?: boolean) => void
  onOpen: (model: string) => void
  hasDrawer: boolean
}

function Body({ picture, rows, isPartial, search, onGo, onOpen, hasDrawer }: BodyProps) {
  const { t } = useTranslation()
  const { trouble } = useActs()
  const pulls = useQuery(pullsQuery)
  const view: View = search.view ?? 'list'
  const isBusy = (pulls.data ?? []).some(isOpen)
  return (
    <div className={ui.stack}>
      {hasDrawer ? null : trouble}
      <div>
        <SegmentedControl<View>
          value={view}
          onChange={(next) => onGo({ view: next === 'list' ? undefined : next })}
          aria-label={t('traffic.view')}
          data={[
            { value: 'list', label: t('models.view.list') },
            { value: 'machines', label: t('models.view.machines') },
            { value: 'library', label: t('models.view.library') },
          ]}
        />
      </div>
      {isBusy ? <PullsPanel /> : null}
      {view === 'library' ? (
        <Suspense fallback={<Bones height={260} />}>
          <LibraryPanel onOpen={onOpen} />
        </Suspense>
      ) : picture ? (
        <Held
          picture={picture}
          rows={rows}
          isPartial={isPartial}
          search={search}
          onGo={onGo}
          onOpen={onOpen}
        />
      ) : (
        <Awaited height={260} />
      )}
      {isBusy ? null : <PullsPanel />}
    </div>
  )
}

function Held({
  picture,
  rows,
  isPartial,
  search,
  onGo,
  onOpen,
}: Omit<BodyProps, 'hasDrawer'> & { picture: Picture }) {
  const { t } = useTranslation()
  const { q = '', capability = '', node = '' } = search
  const words = useDeferredValue(q)
  const shown = useMemo(() => filtered(rows, { q: words, capability, node }), [rows, words, capability, node])
  const title = search.view === 'machines' ? t('models.matrix') : t('models.title')
  return (
    <Panel
      id="held"
      icon="model"
      title={title}
      note={picture.isFresh ? t('count.shown', { count: shown.length }) : t('nodes.old')}
      flush
    >
      {isPartial ? <p className={ui.empty}>{t('models.partial')}</p> : null}
      {rows.length > 0 ? <Filters rows={rows} picture={picture} search={search} onGo={onGo} /> : null}
      {shown.length === 0 ? (
        rows.length === 0 ? (
          <Empty title={picture.isFresh ? t('models.none') : t('nodes.unknown')}>
            {t('models.none.hint')}
          </Empty>
        ) : (
          <Empty title={t('models.none.met')} />
        )
      ) : search.view === 'machines' ? (
        <Matrix rows={shown} nodes={picture.nodes} onOpen={onOpen} />
      ) : (
        <ModelTable rows={shown} onOpen={onOpen} />
      )}
    </Panel>
  )
}

function Filters({
  rows,
  picture,
  search,
  onGo,
}: Pick<BodyProps, 'rows' | 'search' | 'onGo'> & { picture: Picture }) {
  const { t } = useTranslation()
  const abilities = useMemo(
    () => [...new Set(rows.flatMap((row) => row.model?.capabilities ?? []))].sort(),
    [rows],
  )
  const set = (change: Record<string, string>) =>
    onGo(Object.fromEntries(Object.entries(change).map(([name, value]) => [name, value || undefined])), true)
  return (
    <div className={ui.filters} style={{ padding: '0 16px' }}>
      <TextInput
        label={t('models.search')}
        type="search"
        value={search.q ?? ''}
        onChange={(event) => set({ q: event.currentTarget.value })}
        maxLength={200}
        autoComplete="off"
      />
      <NativeSelect
        label={t('models.abilities')}
        value={search.capability ?? ''}
        onChange={(event) => set({ capability: event.currentTarget.value })}
        data={[
          { value: '', label: t('filter.all') },
          ...abilities.map((value) => {
            const key = abilityKey(value)
            return { value, label: key ? t(key) : value }
          }),
        ]}
      />
      <NativeSelect
        label={t('models.at')}
        value={search.node ?? ''}
        onChange={(event) => set({ node: event.currentTarget.value })}
        data={[{ value: '', label: t('filter.all') }, ...picture.nodes.map(({ name }) => name)]}
      />
    </div>
  )
}

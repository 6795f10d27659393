import { Button } from '@mantine/core'
import { replaceEqualDeep, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useCallback, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { Model } from '../../api/types.ts'
import { useOverview } from '../../api/useLive.ts'
import { useTitle } from '../../app/useTitle.ts'
import { Awaited } from '../../ui/Awaited.tsx'
import { Icon } from '../../ui/icons.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import ui from '../../ui/ui.module.css'
import { Stale } from '../overview/Stale.tsx'
import { DecisionsPanel } from './DecisionsPanel.tsx'
import { EndpointsPanel } from './EndpointsPanel.tsx'
import type { UsageBy } from './gateway.ts'
import type { KeyAsk } from './KeyDialogs.tsx'
import { KeysPanel, type Made } from './KeysPanel.tsx'
import { NodesTable } from './NodesTable.tsx'
import { UsagePanel } from './UsagePanel.tsx'

/** Loaded when first asked for. */
const DecisionDrawer = lazy(() => import('./DecisionDrawer.tsx'))
const KeyDialog = lazy(() => import('./KeyDialogs.tsx'))

interface Search {
  request?: string | undefined
  by?: UsageBy | undefined
  ask?: 'key' | undefined
}

/** The one address for programs: how they get in, where their calls go and why, and what they use. */
export function GatewayPage() {
  const { t } = useTranslation()
  useTitle(t('gateway.title'))
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as Search
  const { data: me } = useQuery(meQuery)
  const [asked, setAsk] = useState<KeyAsk | null>(null)
  const [made, setMade] = useState<Made | null>(null)
  const isAdmin = reaches(me?.user.role, 'admin')
  const models = useModelNames()
  const go = useCallback(
    (change: Search, replace = false) =>
      void navigate({ to: '/gateway', search: (before) => ({ ...(before as Search), ...change }), replace }),
    [navigate],
  )
  const open = useCallback((request: string) => go({ request: request || undefined }), [go])
  const ask = asked ?? (isAdmin && search.ask === 'key' ? ({ kind: 'create' } as const) : null)
  const close = () => {
    setAsk(null)
    if (search.ask) go({ ask: undefined }, true)
  }
  return (
    <>
      <Stale />
      <PageHead title={t('gateway.title')} note={t('gateway.note')}>
        {isAdmin ? (
          <Button leftSection={<Icon name="key" size={16} />} onClick={() => setAsk({ kind: 'create' })}>
            {t('gateway.key.new')}
          </Button>
        ) : null}
      </PageHead>
      <div className={ui.stack}>
        <LivePanels models={models} />
        <KeysPanel made={made} onAsk={setAsk} />
        <DecisionsPanel onOpen={open} />
        <UsagePanel by={search.by ?? 'day'} onBy={(by) => go({ by: by === 'day' ? undefined : by }, true)} />
      </div>
      <Suspense fallback={null}>
        {search.request ? (
          <DecisionDrawer
            key={search.request}
            requestId={search.request}
            onClose={() => go({ request: undefined })}
          />
        ) : null}
        {ask ? (
          <KeyDialog key={JSON.stringify(ask)} ask={ask} models={models} onMade={setMade} onClose={close} />
        ) : null}
      </Suspense>
    </>
  )
}

/** Names of the models that nodes have, those that chat first; the same list while they are the same. */
function useModelNames(): readonly string[] {
  const overview = useOverview()
  const kept = useRef<readonly string[]>([])
  const models = overview?.models ?? []
  const chats = (model: Model) => model.capabilities.includes('completion')
  const sorted = [...models].sort((one, other) => Number(chats(other)) - Number(chats(one)))
  kept.current = replaceEqualDeep(
    kept.current,
    sorted.map((model) => model.name),
  )
  return kept.current
}

/** What the live picture tells. */
function LivePanels({ models }: { models: readonly string[] }) {
  const overview = useOverview()
  if (!overview) return <Awaited height={240} />
  return (
    <>
      <EndpointsPanel gateway={overview.system.endpoints.gateway} models={models} />
      <NodesTable nodes={overview.nodes} isFresh={overview.gateway_reachable} />
    </>
  )
}

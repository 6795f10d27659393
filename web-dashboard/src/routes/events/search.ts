import { useNavigate, useSearch } from '@tanstack/react-router'
import type { EVENT_KINDS } from '../../app/searches.ts'
import type { IncidentKind } from './events.ts'

/** What of events and incidents is shown, as it stands in the address. */
export interface EventSearch {
  kind?: (typeof EVENT_KINDS)[number] | undefined
  severity?: 'trouble' | undefined
  subject?: string | undefined
  incident?: IncidentKind | undefined
  open?: 'open' | undefined
}

export function useEventSearch() {
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as EventSearch
  const show = (change: EventSearch) =>
    void navigate({ to: '/events', search: { ...search, ...change }, replace: true })
  return { search, show }
}

import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react'
import type { Live, LiveState } from './live.ts'
import type { Overview } from './types.ts'

export const LiveContext = createContext<Live | null>(null)

export function useLiveLink(): Live {
  const live = useContext(LiveContext)
  if (!live) throw new Error('useLiveLink is used outside of the signed-in pages')
  return live
}

/** What `pick` takes from the live state. It must answer the same object while nothing changed. */
export function useLive<T>(pick: (state: LiveState) => T): T {
  const live = useLiveLink()
  return useSyncExternalStore(live.subscribe, () => pick(live.snapshot()))
}

export function useOverview(): Overview | null {
  return useLive((state) => state.overview)
}

/** Seconds since the picture on screen arrived, counted on while nothing new does; null before the first. */
export function useAge(): number | null {
  const receivedAt = useLive((state) => state.receivedAt)
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [])
  return receivedAt === null ? null : Math.max(0, (now - receivedAt) / 1000)
}

export const STALE_SECONDS = 5

import type { QueryKey } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { queries } from './session.ts'
import type { WorkEvent } from './types.ts'
import { useLive, useLiveLink } from './useLive.ts'

/** Milliseconds between two questions, however much happens meanwhile. */
const PAUSE_MS = 1500

/** Asks again for what stands under `keys` when something happens that `concerns`, and when the stream comes back. */
export function useWork(
  keys: readonly QueryKey[],
  concerns: (event: WorkEvent) => boolean = () => true,
): void {
  const live = useLiveLink()
  const link = useLive((state) => state.link)
  const wanted = useRef({ keys, concerns })
  wanted.current = { keys, concerns }
  const wasLost = useRef(false)

  useEffect(() => {
    if (link === 'lost' || link === 'hidden') wasLost.current = true
    if (link !== 'live' || !wasLost.current) return
    wasLost.current = false
    for (const queryKey of wanted.current.keys) void queries.invalidateQueries({ queryKey })
  }, [link])

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const ask = () => {
      timer = undefined
      for (const queryKey of wanted.current.keys) void queries.invalidateQueries({ queryKey })
    }
    const forget = live.hear((event) => {
      if (timer === undefined && wanted.current.concerns(event)) timer = setTimeout(ask, PAUSE_MS)
    })
    return () => {
      clearTimeout(timer)
      forget()
    }
  }, [live])
}

/** Calls `hearer` with each thing that happens to plans and tickets. */
export function useHearing(hearer: (event: WorkEvent) => void): void {
  const live = useLiveLink()
  const newest = useRef(hearer)
  newest.current = hearer
  useEffect(() => live.hear((event) => newest.current(event)), [live])
}

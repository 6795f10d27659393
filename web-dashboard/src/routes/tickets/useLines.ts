import { useEffect, useState } from 'react'
import { ApiError } from '../../api/errors.ts'
import { pause } from '../../api/live.ts'
import { follow, type Written } from './lines.ts'

/** Lines that are kept on the page; a ticket may write millions. */
export const MOST = 2000

export interface LinesState {
  lines: readonly (Written & { key: number })[]
  /** Lines that were shown before and had to make room. */
  dropped: number
  state: 'opening' | 'open' | 'broken' | 'ended'
  error: unknown
}

const BEFORE: LinesState = { lines: [], dropped: 0, state: 'opening', error: null }

/** Follows what a ticket writes for as long as the component is there, over breaks of the connection. */
export function useLines(ticketId: string): LinesState {
  const [state, setState] = useState<LinesState>(BEFORE)
  useEffect(() => {
    const stopper = new AbortController()
    setState(BEFORE)
    void followOn(ticketId, stopper.signal, setState)
    return () => stopper.abort()
  }, [ticketId])
  return state
}

type Put = (change: (before: LinesState) => LinesState) => void

async function followOn(ticketId: string, signal: AbortSignal, put: Put): Promise<void> {
  let after = 0
  let next = 0
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      for await (const told of follow(ticketId, after, signal)) {
        attempt = 0
        after = told.at(-1)?.after ?? after
        const fresh = told.flatMap(({ line }) => (line ? [{ ...line, key: next++ }] : []))
        const isEnd = told.some((one) => one.isEnd)
        put((before) => added(before, fresh, isEnd))
        if (isEnd) return
      }
    } catch (error) {
      if (signal.aborted) return
      put((before) => ({ ...before, state: 'broken', error }))
      // Who is refused now is refused again.
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) return
    }
    await new Promise((resolve) => setTimeout(resolve, pause(attempt, Math.random())))
  }
}

function added(before: LinesState, fresh: LinesState['lines'], isEnd: boolean): LinesState {
  const all = [...before.lines, ...fresh]
  const over = Math.max(0, all.length - MOST)
  return {
    lines: over > 0 ? all.slice(over) : all,
    dropped: before.dropped + over,
    state: isEnd ? 'ended' : 'open',
    error: null,
  }
}

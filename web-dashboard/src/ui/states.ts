/** State as icon, word and tone. Pure: one table per kind, so that a new state does not compile until it has all three. */
import type { BreakerState, Node, NodeState, PartState } from '../api/types.ts'
import type { Key } from '../i18n/index.ts'
import type { IconName } from './icons.tsx'

export type Tone = 'ok' | 'warn' | 'bad' | 'busy' | 'idle'

export interface Look {
  tone: Tone
  icon: IconName
  word: Key
}

export const NODE: Record<NodeState, Look> = {
  healthy: { tone: 'ok', icon: 'check', word: 'node.healthy' },
  suspect: { tone: 'warn', icon: 'warning', word: 'node.suspect' },
  down: { tone: 'bad', icon: 'cross', word: 'node.down' },
  unknown: { tone: 'idle', icon: 'question', word: 'node.unknown' },
}

const DRAINING: Look = { tone: 'warn', icon: 'clock', word: 'node.draining' }

/** A node that answers and is given no new calls is draining. */
export const nodeLook = (node: Node): Look =>
  node.draining && node.state !== 'down' ? DRAINING : NODE[node.state]

export const BREAKER: Record<BreakerState, Look> = {
  closed: { tone: 'ok', icon: 'check', word: 'breaker.closed' },
  half_open: { tone: 'warn', icon: 'warning', word: 'breaker.half_open' },
  open: { tone: 'bad', icon: 'cross', word: 'breaker.open' },
}

export const PART: Record<PartState, Look> = {
  waiting: { tone: 'idle', icon: 'clock', word: 'part.waiting' },
  starting: { tone: 'busy', icon: 'clock', word: 'part.starting' },
  ready: { tone: 'ok', icon: 'check', word: 'part.ready' },
  unhealthy: { tone: 'warn', icon: 'warning', word: 'part.unhealthy' },
  backoff: { tone: 'warn', icon: 'restart', word: 'part.backoff' },
  failed: { tone: 'bad', icon: 'cross', word: 'part.failed' },
  stopping: { tone: 'busy', icon: 'clock', word: 'part.stopping' },
  stopped: { tone: 'idle', icon: 'stop', word: 'part.stopped' },
}

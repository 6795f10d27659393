/** The one WebSocket of this tab. Knows no React: a store that components subscribe to. */
import type { ClusterEvent, Overview, WorkEvent } from './types.ts'

export type Link = 'connecting' | 'live' | 'lost' | 'hidden' | 'ended'

export interface Sample {
  at: number
  requests: number
  tokens: number
  inflight: number
  errors: number
}

export interface LiveState {
  link: Link
  overview: Overview | null
  /** When the picture arrived, in milliseconds of this browser's clock; null before the first. */
  receivedAt: number | null
  /** Oldest first, at most `HISTORY` of them. */
  samples: readonly Sample[]
  /** Newest first. */
  events: readonly ClusterEvent[]
}

export const HISTORY = 300
const EVENTS = 50
const WORK = new Set(['plan', 'ticket'])
const FIRST_PAUSE = 500
const LONGEST_PAUSE = 15_000
/** A picture comes every second: after this long without one the connection is dead, whatever the browser thinks. */
const SILENCE = 12_000

export const BEFORE: LiveState = {
  link: 'connecting',
  overview: null,
  receivedAt: null,
  samples: [],
  events: [],
}

interface Envelope {
  number: number
  topic: string
  data: unknown
}

/** The state after one message. Pure. */
export function received(state: LiveState, message: Envelope, now: number): LiveState {
  if (message.topic === 'events') {
    return { ...state, events: [message.data as ClusterEvent, ...state.events].slice(0, EVENTS) }
  }
  if (message.topic !== 'overview') return state
  const overview = message.data as Overview
  const sample = {
    at: overview.at,
    requests: overview.rates.requests_per_second,
    tokens: overview.rates.tokens_per_second,
    inflight: overview.rates.inflight,
    errors: overview.rates.errors_per_second,
  }
  const last = state.samples.at(-1)
  // The server's clock may have been set back, and a newcomer gets the same picture twice.
  const kept =
    last && last.at >= sample.at ? state.samples.filter((one) => one.at < sample.at) : state.samples
  return { ...state, link: 'live', overview, receivedAt: now, samples: [...kept, sample].slice(-HISTORY) }
}

/** Milliseconds to wait before attempt number `attempt` (from 0). `luck` is in [0, 1). */
export function pause(attempt: number, luck: number): number {
  const most = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(attempt, 10))
  return most / 2 + (most / 2) * luck
}

export class Live {
  private state = BEFORE
  private readonly listeners = new Set<() => void>()
  private readonly hearers = new Set<(event: WorkEvent) => void>()
  private socket: WebSocket | null = null
  private timer: ReturnType<typeof setTimeout> | undefined
  private attempt = 0
  private cursor: number | null = null
  private running = false
  private frame = 0
  private readonly isSignedIn: () => Promise<boolean>
  private readonly topics: () => string

  /** `isSignedIn` is asked after a connection failed: a refused upgrade does not say why. `topics`: what is asked for. */
  constructor(isSignedIn: () => Promise<boolean>, topics: () => string = () => 'overview,events') {
    this.isSignedIn = isSignedIn
    this.topics = topics
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Tells `hearer` each thing that happens to plans and tickets, at once; none of it is kept. */
  readonly hear = (hearer: (event: WorkEvent) => void): (() => void) => {
    this.hearers.add(hearer)
    return () => this.hearers.delete(hearer)
  }

  readonly snapshot = (): LiveState => this.state

  start(): () => void {
    this.running = true
    this.attempt = 0
    document.addEventListener('visibilitychange', this.onVisibility)
    window.addEventListener('online', this.retryNow)
    this.onVisibility()
    return () => this.stop()
  }

  readonly retryNow = (): void => {
    if (!this.running || document.hidden) return
    this.hangUp()
    this.attempt = 0
    this.connect()
  }

  private stop(): void {
    this.running = false
    document.removeEventListener('visibilitychange', this.onVisibility)
    window.removeEventListener('online', this.retryNow)
    this.hangUp()
    this.cursor = null
    this.state = BEFORE
  }

  private readonly onVisibility = (): void => {
    if (document.hidden) {
      this.hangUp()
      this.put({ ...this.state, link: 'hidden' })
    } else if (!this.socket) {
      this.attempt = 0
      this.connect()
    }
  }

  private connect(): void {
    clearTimeout(this.timer)
    const url = new URL('/api/v1/stream', window.location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    url.searchParams.set('topics', this.topics())
    if (this.cursor !== null) url.searchParams.set('after', String(this.cursor))
    if (this.state.link !== 'lost') this.put({ ...this.state, link: 'connecting' })
    const socket = new WebSocket(url)
    this.socket = socket
    this.expect(socket)
    socket.onmessage = (event) => {
      if (this.socket !== socket) return
      this.expect(socket)
      this.take(String(event.data))
    }
    socket.onclose = (event) => {
      if (this.socket === socket) void this.dropped(event.code)
    }
  }

  /** Gives `socket` up unless something comes through it in time. */
  private expect(socket: WebSocket): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      if (this.socket !== socket) return
      this.hangUp()
      void this.dropped(0)
    }, SILENCE)
  }

  private take(text: string): void {
    let message: Envelope
    try {
      message = JSON.parse(text) as Envelope
    } catch {
      return
    }
    this.attempt = 0
    this.cursor = message.number
    if (WORK.has(message.topic)) {
      for (const hearer of this.hearers) hearer(message.data as WorkEvent)
      return
    }
    this.put(received(this.state, message, Date.now()))
  }

  private async dropped(code: number): Promise<void> {
    this.socket = null
    if (code === 4401 || !(await this.isSignedIn())) {
      this.put({ ...this.state, link: 'ended' })
      return
    }
    if (!this.running || document.hidden || this.socket) return
    this.put({ ...this.state, link: 'lost' })
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.connect(), pause(this.attempt, Math.random()))
    this.attempt += 1
  }

  private hangUp(): void {
    clearTimeout(this.timer)
    const socket = this.socket
    this.socket = null
    socket?.close()
  }

  /** Told once a frame: a reconnect replays minutes of messages at once. */
  private put(state: LiveState): void {
    this.state = state
    if (this.frame !== 0) return
    this.frame = requestAnimationFrame(() => {
      this.frame = 0
      for (const listener of this.listeners) listener()
    })
  }
}

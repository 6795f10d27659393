/** The conversation of this tab. It lives outside of the page: an answer goes on while somebody looks at the overview. */
import { ApiError } from '../api/errors.ts'
import type { ChatRequest } from '../api/types.ts'
import { readStored, writeStored } from '../i18n/index.ts'
import { ask, type ChatEvent, type Stats } from './stream.ts'

export interface Turn {
  id: number
  role: 'user' | 'assistant'
  text: string
  thinking?: string
  /** Of answers: which model, where and why there. */
  model?: string
  node?: string
  why?: string
  attempts?: number
  /** Seconds to the first word. */
  ttft?: number
  stats?: Stats
  /** How an answer ended that did not end well. */
  failure?: { code: string; detail: string; hint: string }
  stopped?: boolean
}

export interface Settings {
  model: string
  system: string
  /** Empty: the model's own. */
  temperature: string
  seed: string
  maxTokens: string
}

export interface ChatState {
  turns: readonly Turn[]
  settings: Settings
  isAnswering: boolean
}

/** What is kept over a reload, in characters. */
const MOST_KEPT = 400_000
export const PLAIN: Settings = { model: '', system: '', temperature: '', seed: '', maxTokens: '' }

/** The request for the next answer. Answers that failed before their first word are left out. */
export function requestOf(turns: readonly Turn[], settings: Settings): ChatRequest {
  const said = turns
    .filter((turn) => turn.text !== '')
    .map((turn) => ({ role: turn.role, content: turn.text }))
  const system = settings.system.trim()
  const options: Record<string, number> = {}
  const put = (name: string, text: string) => {
    const value = Number(text)
    if (text.trim() !== '' && Number.isFinite(value)) options[name] = value
  }
  put('temperature', settings.temperature)
  put('seed', settings.seed)
  put('num_predict', settings.maxTokens)
  const messages = system ? [{ role: 'system' as const, content: system }, ...said] : said
  return { model: settings.model, stream: true, messages, options }
}

/** The answer after one event. Pure; `elapsed` in seconds since it was asked. */
export function grown(turn: Turn, event: ChatEvent, elapsed: number): Turn {
  switch (event.kind) {
    case 'head':
      return { ...turn, node: event.node, why: event.why, attempts: event.attempts }
    case 'thinking':
      return { ...turn, thinking: (turn.thinking ?? '') + event.text, ttft: turn.ttft ?? elapsed }
    case 'text':
      return { ...turn, text: turn.text + event.text, ttft: turn.ttft ?? elapsed }
    case 'done':
      return { ...turn, stats: event.stats }
  }
}

export class ChatStore {
  private state: ChatState
  private readonly listeners = new Set<() => void>()
  private stopper: AbortController | null = null
  private frame = 0

  private readonly key: string

  /** `owner`: whose conversation it is; people who share a browser do not share theirs. */
  constructor(owner: string) {
    this.key = `cluster-ai.chat.${owner}`
    this.state = { ...restored(readStored(this.key)), isAnswering: false }
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly snapshot = (): ChatState => this.state

  set(change: Partial<Settings>): void {
    this.put({ settings: { ...this.state.settings, ...change } })
    this.keep()
  }

  clear(): void {
    this.stop()
    this.stopper = null
    this.put({ turns: [], isAnswering: false })
    this.keep()
  }

  stop(): void {
    this.stopper?.abort()
  }

  async send(text: string): Promise<void> {
    if (this.state.isAnswering) return
    const id = (this.state.turns.at(-1)?.id ?? 0) + 1
    await this.answer([...this.state.turns, { id, role: 'user', text }])
  }

  /** Asks the last question again. */
  async again(): Promise<void> {
    const last = this.state.turns.findLastIndex((turn) => turn.role === 'user')
    if (last >= 0 && !this.state.isAnswering) await this.answer(this.state.turns.slice(0, last + 1))
  }

  private async answer(turns: readonly Turn[]): Promise<void> {
    const stopper = new AbortController()
    this.stopper = stopper
    const { settings } = this.state
    let turn: Turn = { id: (turns.at(-1)?.id ?? 0) + 1, role: 'assistant', text: '', model: settings.model }
    const show = (isAnswering: boolean) => {
      // A conversation that was cleared meanwhile stays cleared.
      if (this.stopper === stopper) this.put({ turns: [...turns, turn], isAnswering })
    }
    show(true)
    const began = performance.now()
    try {
      for await (const event of ask(requestOf(turns, settings), stopper.signal)) {
        turn = grown(turn, event, (performance.now() - began) / 1000)
        show(true)
      }
    } catch (error) {
      turn = stopper.signal.aborted ? { ...turn, stopped: true } : { ...turn, failure: failureOf(error) }
    }
    show(false)
    this.keep()
  }

  private keep(): void {
    const { turns, settings } = this.state
    const text = JSON.stringify({ turns, settings })
    writeStored(
      this.key,
      text.length <= MOST_KEPT ? text : JSON.stringify({ turns: turns.slice(-6), settings }),
    )
  }

  /** Told once a frame: fast models send hundreds of pieces a second. */
  private put(change: Partial<ChatState>): void {
    this.state = { ...this.state, ...change }
    if (this.frame !== 0) return
    this.frame = requestAnimationFrame(() => {
      this.frame = 0
      for (const listener of this.listeners) listener()
    })
  }
}

export function failureOf(error: unknown): NonNullable<Turn['failure']> {
  if (error instanceof ApiError) return { code: error.code, detail: error.message, hint: error.hint }
  return { code: 'unexpected', detail: String(error), hint: '' }
}

/** What an earlier visit left; anything that does not look like it is dropped. */
export function restored(kept: string | null): Omit<ChatState, 'isAnswering'> {
  try {
    const found = JSON.parse(kept ?? '{}') as { turns?: unknown; settings?: Partial<Settings> }
    const turns = Array.isArray(found.turns) ? (found.turns as Turn[]).filter(isTurn) : []
    const settings = { ...PLAIN }
    for (const name of Object.keys(PLAIN) as (keyof Settings)[]) {
      const value = found.settings?.[name]
      if (typeof value === 'string') settings[name] = value
    }
    return { turns, settings }
  } catch {
    return { turns: [], settings: PLAIN }
  }
}

function isTurn(turn: Turn | null): boolean {
  return typeof turn?.id === 'number' && typeof turn.text === 'string' && /^(user|assistant)$/.test(turn.role)
}

const open = new Map<string, ChatStore>()

/** The one conversation of `owner` in this tab. */
export function chatOf(owner: string): ChatStore {
  const store = open.get(owner) ?? new ChatStore(owner)
  open.set(owner, store)
  return store
}

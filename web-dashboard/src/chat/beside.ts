/** Several models that are asked the same, each in a conversation of its own. It lives as long as the tab. */
import { readStored, writeStored } from '../i18n/index.ts'
import { failureOf, grown, requestOf, type Settings, type Turn } from './store.ts'
import { ask } from './stream.ts'

export const LEAST = 2
export const MOST = 4

/** One question and what each model said to it, by the model's name. */
export interface Round {
  id: number
  question: string
  /** Whether each waited for the one before. */
  inTurn: boolean
  answers: Readonly<Record<string, Turn>>
}

export interface BesideState {
  /** As chosen; empty before anybody chose. */
  models: readonly string[]
  /** Each is asked when the one before has answered: then no answer slows another down. */
  inTurn: boolean
  rounds: readonly Round[]
  /** Those that have not answered yet. */
  pending: ReadonlySet<string>
}

/** The conversation of one model up to and with the question of the last round. Pure. */
export function turnsOf(rounds: readonly Round[], model: string): readonly Turn[] {
  return rounds.flatMap((round, at) => {
    const answer = round.answers[model]
    const question: Turn = { id: 2 * round.id, role: 'user', text: round.question }
    if (at === rounds.length - 1) return [question]
    return answer?.text ? [question, answer] : []
  })
}

/** Who began first and who was fastest, among answers that are whole; nobody where there is nobody to compare with.
 * Pure. */
export function bestOf(round: Round): { first: string | null; fastest: string | null } {
  const whole = Object.entries(round.answers).filter(([, { stats, failure }]) => stats && !failure)
  const best = (of: (turn: Turn) => number | null | undefined): string | null => {
    const known = whole
      .map(([model, turn]) => [model, of(turn)] as const)
      .filter((one): one is readonly [string, number] => typeof one[1] === 'number')
      .sort(([, one], [, other]) => one - other)
    return known.length < 2 || known[0]?.[1] === known[1]?.[1] ? null : (known[0]?.[0] ?? null)
  }
  return {
    first: best(({ ttft }) => ttft),
    fastest: best(({ stats }) => (stats?.tokensPerSecond ? -stats.tokensPerSecond : null)),
  }
}

/** The models that are asked: those chosen that are there, filled up to two with others. Pure. */
export function chosenOf(wanted: readonly string[], there: readonly string[]): readonly string[] {
  const kept = wanted.filter((name) => there.includes(name)).slice(0, MOST)
  const others = there.filter((name) => !kept.includes(name))
  return [...kept, ...others.slice(0, Math.max(0, LEAST - kept.length))]
}

export class BesideStore {
  private state: BesideState
  private readonly listeners = new Set<() => void>()
  private stopper: AbortController | null = null
  private frame = 0

  private readonly key: string

  /** `owner`: whose choice of models it is. */
  constructor(owner: string) {
    this.key = `cluster-ai.beside.${owner}`
    this.state = { models: restored(readStored(this.key)), inTurn: false, rounds: [], pending: new Set() }
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly snapshot = (): BesideState => this.state

  choose(models: readonly string[]): void {
    this.put({ models: models.slice(0, MOST) })
    writeStored(this.key, JSON.stringify(this.state.models))
  }

  takeTurns(inTurn: boolean): void {
    this.put({ inTurn })
  }

  clear(): void {
    this.stop()
    this.stopper = null
    this.put({ rounds: [], pending: new Set() })
  }

  stop(): void {
    this.stopper?.abort()
  }

  /** Asks `models` the same, with the same settings but for the model. */
  async send(question: string, models: readonly string[], settings: Settings): Promise<void> {
    if (this.state.pending.size > 0) return
    const stopper = new AbortController()
    this.stopper = stopper
    const id = (this.state.rounds.at(-1)?.id ?? 0) + 1
    const answers = Object.fromEntries(models.map((model) => [model, blank(id, model)]))
    const { inTurn, rounds } = this.state
    this.put({ rounds: [...rounds, { id, question, inTurn, answers }], pending: new Set(models) })
    const one = (model: string) => this.answer(id, { ...settings, model }, stopper)
    if (!inTurn) await Promise.all(models.map(one))
    else for (const model of models) await one(model)
  }

  /** Asks `model` the last question once more, where its answer failed; the others' answers stay. */
  async again(model: string, settings: Settings): Promise<void> {
    const last = this.state.rounds.at(-1)
    if (!last?.answers[model]?.failure || this.state.pending.size > 0) return
    const stopper = new AbortController()
    this.stopper = stopper
    this.put({ pending: new Set([model]) })
    this.show(last.id, blank(last.id, model), stopper)
    await this.answer(last.id, { ...settings, model }, stopper)
  }

  private async answer(id: number, settings: Settings, stopper: AbortController): Promise<void> {
    const { model } = settings
    let turn = blank(id, model)
    const began = performance.now()
    try {
      stopper.signal.throwIfAborted()
      const request = requestOf(turnsOf(this.state.rounds, model), settings)
      for await (const event of ask(request, stopper.signal)) {
        turn = grown(turn, event, (performance.now() - began) / 1000)
        this.show(id, turn, stopper)
      }
    } catch (error) {
      turn = stopper.signal.aborted ? { ...turn, stopped: true } : { ...turn, failure: failureOf(error) }
    }
    this.show(id, turn, stopper)
    // What was cleared meanwhile stays cleared.
    if (this.stopper === stopper)
      this.put({ pending: new Set([...this.state.pending].filter((other) => other !== model)) })
  }

  private show(id: number, turn: Turn, stopper: AbortController): void {
    if (this.stopper !== stopper) return
    const model = turn.model ?? ''
    this.put({
      rounds: this.state.rounds.map((round) =>
        round.id === id ? { ...round, answers: { ...round.answers, [model]: turn } } : round,
      ),
    })
  }

  /** Told once a frame: fast models send hundreds of pieces a second. */
  private put(change: Partial<BesideState>): void {
    this.state = { ...this.state, ...change }
    if (this.frame !== 0) return
    this.frame = requestAnimationFrame(() => {
      this.frame = 0
      for (const listener of this.listeners) listener()
    })
  }
}

const blank = (id: number, model: string): Turn => ({ id: 2 * id + 1, role: 'assistant', text: '', model })

function restored(kept: string | null): readonly string[] {
  try {
    const found: unknown = JSON.parse(kept ?? '[]')
    return Array.isArray(found)
      ? found.filter((one): one is string => typeof one === 'string').slice(0, MOST)
      : []
  } catch {
    return []
  }
}

const open = new Map<string, BesideStore>()

/** The one comparison of `owner` in this tab. */
export function besideOf(owner: string): BesideStore {
  const store = open.get(owner) ?? new BesideStore(owner)
  open.set(owner, store)
  return store
}

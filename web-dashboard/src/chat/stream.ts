/** One answer of a model, as Ollama's lines. Knows no React. */
import { csrfToken } from '../api/client.ts'
import { ApiError, errorOf, networkError } from '../api/errors.ts'
import type { ChatRequest } from '../api/types.ts'

/** What the last line of an answer measures. Times in seconds. */
export interface Stats {
  promptTokens: number
  outputTokens: number
  tokensPerSecond: number | null
  reason: string
}

export type ChatEvent =
  | { kind: 'head'; node: string; why: string; attempts: number }
  | { kind: 'text'; text: string }
  | { kind: 'thinking'; text: string }
  | { kind: 'done'; stats: Stats }

const NANO = 1e9
/** A line longer than this is no line of a chat. */
const LONGEST_LINE = 4 * 1024 * 1024

/** Splits chunks into lines; a line may come in pieces, a piece may hold many. */
export class Lines {
  private rest = ''

  push(chunk: string): string[] {
    const parts = (this.rest + chunk).split('\n')
    this.rest = parts.pop() ?? ''
    if (this.rest.length > LONGEST_LINE) throw new ApiError({ status: 200, code: 'broken_answer' })
    return parts.filter((line) => line.trim() !== '')
  }

  end(): string[] {
    const last = this.rest
    this.rest = ''
    return last.trim() === '' ? [] : [last]
  }
}

interface Line {
  error?: string
  code?: string
  done?: boolean
  done_reason?: string
  message?: { content?: string; thinking?: string }
  prompt_eval_count?: number
  eval_count?: number
  eval_duration?: number
}

/** The events that one line carries.
 * @throws ApiError when the line says that the answer broke, or is no line of a chat. */
export function eventsOf(text: string): ChatEvent[] {
  let line: Line
  try {
    line = JSON.parse(text) as Line
  } catch (cause) {
    const error = new ApiError({ status: 200, code: 'broken_answer', detail: '' })
    error.cause = cause
    throw error
  }
  if (line.error) throw new ApiError({ status: 200, code: line.code ?? 'broken_answer', detail: line.error })
  const events: ChatEvent[] = []
  if (line.message?.thinking) events.push({ kind: 'thinking', text: line.message.thinking })
  if (line.message?.content) events.push({ kind: 'text', text: line.message.content })
  if (line.done) events.push({ kind: 'done', stats: statsOf(line) })
  return events
}

function statsOf(line: Line): Stats {
  const outputTokens = line.eval_count ?? 0
  const seconds = (line.eval_duration ?? 0) / NANO
  return {
    promptTokens: line.prompt_eval_count ?? 0,
    outputTokens,
    tokensPerSecond: seconds > 0 ? outputTokens / seconds : null,
    reason: line.done_reason ?? '',
  }
}

/** Asks and yields the answer as it comes; aborting `signal` stops the model.
 * @throws ApiError refused, broken midway, or ended without a last line. */
export async function* ask(body: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatEvent> {
  const response = await post(body, signal)
  yield {
    kind: 'head',
    node: response.headers.get('x-cluster-node') ?? '',
    why: response.headers.get('x-cluster-why') ?? '',
    attempts: Number.parseInt(response.headers.get('x-cluster-attempts') ?? '1', 10) || 1,
  }
  let isDone = false
  for await (const line of linesOf(response, signal)) {
    for (const event of eventsOf(line)) {
      isDone ||= event.kind === 'done'
      yield event
    }
  }
  if (!isDone) throw new ApiError({ status: 200, code: 'cut_off' })
}

async function post(body: ChatRequest, signal: AbortSignal): Promise<Response> {
  let response: Response
  try {
    response = await fetch('/api/v1/chat', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrfToken() },
      body: JSON.stringify(body),
      signal,
    })
  } catch (cause) {
    signal.throwIfAborted()
    throw networkError(cause)
  }
  if (!response.ok) throw await errorOf(response)
  return response
}

async function* linesOf(response: Response, signal: AbortSignal): AsyncGenerator<string> {
  const reader = response.body?.getReader()
  if (!reader) return
  const decoder = new TextDecoder()
  const lines = new Lines()
  while (true) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      signal.throwIfAborted()
      throw new ApiError({ status: 200, code: 'cut_off', detail: String(cause) })
    })
    if (done) break
    yield* lines.push(decoder.decode(value, { stream: true }))
  }
  yield* lines.end()
}

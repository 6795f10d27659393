/** What a ticket writes, as server-sent events. Knows no React. */
import { ApiError, errorOf, networkError } from '../../api/errors.ts'
import { Lines } from '../../chat/stream.ts'

export interface Written {
  attempt: number
  /** Unix seconds. */
  at: number
  text?: string
  /** Lines that were dropped because there were too many at once. */
  lost?: number
}

export interface Told {
  /** Where to go on after a break. */
  after: number
  line: Written | null
  /** Nothing more will come. */
  isEnd: boolean
}

/** Puts fields of server-sent events together; an event may come in pieces. */
export class Events {
  private readonly lines = new Lines()
  private after = 0

  push(chunk: string): Told[] {
    return this.lines.push(chunk).flatMap((line) => this.take(line))
  }

  private take(line: string): Told[] {
    const [, name, value = ''] = /^(\w+): ?(.*)$/.exec(line.trimEnd()) ?? []
    if (name === 'id') this.after = Number.parseInt(value, 10) || this.after
    if (name === 'event' && value === 'end') return [{ after: this.after, line: null, isEnd: true }]
    if (name !== 'data') return []
    const found = readLine(value)
    return found ? [{ after: this.after, line: found, isEnd: false }] : []
  }
}

function readLine(text: string): Written | null {
  try {
    const found = JSON.parse(text) as Partial<Written>
    return typeof found.at === 'number' ? ({ attempt: 0, ...found } as Written) : null
  } catch {
    return null
  }
}

/** Lines from `after` on, until the ticket has ended or the connection broke.
 * @throws ApiError refused, or nothing answers. */
export async function* follow(ticketId: string, after: number, signal: AbortSignal): AsyncGenerator<Told[]> {
  let response: Response
  try {
    response = await fetch(`/api/v1/tickets/${ticketId}/logs?after=${after}`, { signal })
  } catch (cause) {
    signal.throwIfAborted()
    throw networkError(cause)
  }
  if (!response.ok) throw await errorOf(response)
  const reader = response.body?.getReader()
  if (!reader) return
  const decoder = new TextDecoder()
  const events = new Events()
  while (true) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      signal.throwIfAborted()
      throw new ApiError({ status: 200, code: 'cut_off', detail: String(cause) })
    })
    if (done) return
    const told = events.push(decoder.decode(value, { stream: true }))
    if (told.length > 0) yield told
  }
}

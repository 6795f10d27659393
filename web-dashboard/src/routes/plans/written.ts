/** Plans as people write them. */
import type { NewPlan } from '../../api/types.ts'

/** A text that is neither JSON nor TOML. `line` counts from 1; null where the reader did not say. */
export class Unreadable extends Error {
  readonly line: number | null

  constructor(message: string, line: number | null) {
    super(message)
    this.line = line
  }
}

/** The plan in `text`: JSON when it begins like an object, else TOML, whose reader is fetched for it.
 * @throws Unreadable where the text is neither. */
export async function readPlan(text: string): Promise<NewPlan> {
  const value = text.trimStart().startsWith('{') ? readJson(text) : await readToml(text)
  if (typeof value !== 'object' || value === null) throw new Unreadable('not an object', null)
  return value as NewPlan
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const said = String((error as Error).message)
    throw new Unreadable(said, lineOf(text, said))
  }
}

/** Browsers name the line or the character; some of them neither. */
function lineOf(text: string, said: string): number | null {
  const line = /line (\d+)/.exec(said)?.[1]
  if (line) return Number(line)
  const at = /position (\d+)/.exec(said)?.[1]
  return at ? text.slice(0, Number(at)).split('\n').length : null
}

async function readToml(text: string): Promise<unknown> {
  const { parse, TomlError } = await import('smol-toml')
  try {
    return parse(text)
  } catch (error) {
    if (error instanceof TomlError) throw new Unreadable(error.message.split('\n')[0] ?? '', error.line)
    throw error
  }
}

/** `body.tickets.1.type` as `tickets[1] “try” · type`, by the names that the plan gives its tickets. Pure. */
export function placeIn(plan: NewPlan | null, path: string): string {
  const rest = path.replace(/^body\.?/, '')
  const found = /^tickets\.(\d+)\.?(.*)$/.exec(rest)
  if (!found) return rest
  const name = plan?.tickets?.[Number(found[1])]?.id
  return [`tickets[${found[1]}]${name ? ` “${name}”` : ''}`, found[2]].filter(Boolean).join(' · ')
}

/** A key that makes it safe to send the same plan again: 128 random bits. */
export function freshKey(): string {
  // `crypto.randomUUID` is missing where the page came over plain HTTP.
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((one) => one.toString(16).padStart(2, '0'))
    .join('')
}

export const EXAMPLE = `{
  "name": "hello",
  "tickets": [
    {"id": "make", "type": "EXECUTE", "parameters": {"argv": ["/bin/echo", "hello"]}},
    {"id": "look", "type": "EXECUTE", "depends_on": ["make"], "parameters": {"argv": ["/bin/date"]}}
  ]
}
`

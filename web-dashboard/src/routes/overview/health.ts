/** What the cluster's problems mean to people. Pure. */
import type { Overview } from '../../api/types.ts'
import type { Key } from '../../i18n/index.ts'
import type { Tone } from '../../ui/states.ts'

export interface Trouble {
  code: string
  /** What it is, in the reader's language; `subject` fills it. */
  word: Key
  subject: string
  /** The API's own sentence. */
  detail: string
}

const WORDS: Record<string, Key> = {
  database: 'problem.database',
  gateway: 'problem.gateway',
  nodes: 'problem.nodes',
  node: 'problem.node',
  scheduler: 'problem.scheduler',
  workers: 'problem.workers',
  supervisor: 'problem.supervisor',
}

/** A problem reads `scheduler.down: the Dask scheduler does not answer`, or `node:laptop.down: ...`. */
export function troubleOf(problem: string): Trouble {
  const cut = problem.indexOf(': ')
  const code = cut < 0 ? problem : problem.slice(0, cut)
  const detail = cut < 0 ? '' : problem.slice(cut + 2)
  const [kind = '', subject = ''] = code.replace(/\.down$/, '').split(':')
  return { code, word: WORDS[kind] ?? 'problem.other', subject: subject || code, detail }
}

export interface Verdict {
  tone: Tone
  troubles: Trouble[]
  /** Whether requests are served at all. */
  serves: boolean
}

export function verdictOf(overview: Overview): Verdict {
  const troubles = overview.system.problems.map(troubleOf)
  const serves =
    overview.gateway_reachable &&
    overview.nodes.some((node) => node.state === 'healthy' || node.state === 'suspect')
  const tone = troubles.length === 0 ? 'ok' : serves ? 'warn' : 'bad'
  return { tone, troubles, serves }
}

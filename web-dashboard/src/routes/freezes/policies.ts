import type { FreezePolicy, Pace } from '../../api/types.ts'
import type { Key } from '../../i18n/index.ts'

export type Rule = FreezePolicy['policy']
export type Scope = NonNullable<Rule['scope']>

export const SCOPES: Record<Scope, Key> = {
  SERVICE: 'policies.scope.service',
  GROUP: 'policies.scope.group',
  GLOBAL: 'policies.scope.global',
}

/** The paces that can begin a freeze: a normal one never ends. */
export const FAST: readonly Exclude<Pace, 'NORMAL'>[] = ['ELEVATED', 'FAST', 'CRITICAL']

/** A policy that nothing was filled in for yet. */
export const FRESH_RULE: Rule = {
  name: '',
  scope: 'SERVICE',
  target: 'gateway',
  actions: ['BLOCK_PULL'],
  trigger_below: 0,
  release_above: 0.1,
  trigger_pace: null,
  min_duration_s: 900,
  exemptions: [],
  enabled: true,
}

/** What is wrong with what was filled in, by field. Pure. */
export function wrongIn(
  rule: Rule,
): Partial<Record<'target' | 'actions' | 'release_above' | 'exemptions', Key>> {
  return {
    ...(rule.scope !== 'GLOBAL' && !rule.target?.trim() ? { target: 'policies.wrong.target' } : {}),
    ...(rule.actions.length === 0 ? { actions: 'policies.wrong.actions' } : {}),
    ...((rule.release_above ?? 0) < (rule.trigger_below ?? 0)
      ? { release_above: 'policies.wrong.above' }
      : {}),
    // A line without a key fits nothing, and nobody would be told.
    ...(rule.exemptions?.some((line) => !/^\w+:\S/.test(line))
      ? { exemptions: 'policies.wrong.exempt' }
      : {}),
  }
}

/** As it is sent: no target where the whole cluster is meant, no blank lines. Pure. */
export function settledRule(rule: Rule): Rule {
  const target = rule.scope === 'GLOBAL' ? '' : (rule.target ?? '').trim()
  return { ...rule, name: rule.name.trim(), target }
}

/** Lines of a text field, without the blank ones. Pure. */
export const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)

import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import type { Overview } from '../../api/types.ts'
import type { Key } from '../../i18n/index.ts'
import type { IconName } from '../../ui/icons.tsx'

/** The model that comes with the program. */
const BUILT_IN = new Set(['smollm2:135m', 'all-minilm:latest'])

/** What the API says of what has been done already. */
export interface Facts {
  ownPassword: boolean
  machines: number
  keys: number
  objectives: number
  plans: number
  backups: number
}

export type StepName = 'password' | 'chat' | 'model' | 'machine' | 'client' | 'objective' | 'plan' | 'backup'

export interface Step {
  name: StepName
  icon: IconName
  title: Key
  text: Key
  isDone: boolean
}

const STEPS = [
  { name: 'password', icon: 'key', title: 'setup.password', text: 'setup.password.text' },
  { name: 'chat', icon: 'chat', title: 'setup.chat', text: 'setup.chat.text' },
  { name: 'model', icon: 'model', title: 'setup.model', text: 'setup.model.text' },
  { name: 'machine', icon: 'machine', title: 'setup.machine', text: 'setup.machine.text' },
  { name: 'client', icon: 'link', title: 'setup.client', text: 'setup.client.text' },
  { name: 'objective', icon: 'target', title: 'setup.objective', text: 'setup.objective.text' },
  { name: 'plan', icon: 'plan', title: 'setup.plan', text: 'setup.plan.text' },
  { name: 'backup', icon: 'disk', title: 'setup.backup', text: 'setup.backup.text' },
] as const satisfies readonly Omit<Step, 'isDone'>[]

/** Each step, and whether the cluster shows that it was taken. Pure. */
export function stepsOf(facts: Facts, overview: Pick<Overview, 'models' | 'rates'>): Step[] {
  const done: Record<StepName, boolean> = {
    password: facts.ownPassword,
    chat: overview.rates.requests_total > 0,
    model: overview.models.some((model) => !BUILT_IN.has(model.name)),
    machine: facts.machines > 0,
    client: facts.keys > 0,
    objective: facts.objectives > 0,
    plan: facts.plans > 0,
    backup: facts.backups > 0,
  }
  return STEPS.map((step) => ({ ...step, isDone: done[step.name] }))
}

/** Asked again often: who does a step comes back and sees it done. */
export const factsQuery = (name: string) =>
  queryOptions({
    queryKey: ['setup', name],
    refetchInterval: 5_000,
    queryFn: async (): Promise<Facts> => {
      const one = { params: { query: { limit: 1 } } }
      const [people, machines, keys, objectives, plans, backups] = await Promise.all([
        sent(api.GET('/api/v1/users')),
        sent(api.GET('/api/v1/machines')),
        sent(api.GET('/api/v1/keys')),
        sent(api.GET('/api/v1/slos', one)),
        sent(api.GET('/api/v1/plans', one)),
        sent(api.GET('/api/v1/backups')),
      ])
      return {
        ownPassword: people.items.find((person) => person.name === name)?.password_chosen ?? false,
        machines: machines.items.length,
        keys: keys.items.length,
        objectives: objectives.items.length,
        plans: plans.items.length,
        backups: backups.items.filter((backup) => backup.verified).length,
      }
    },
  })

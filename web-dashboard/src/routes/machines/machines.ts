import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import { queries } from '../../api/session.ts'
import type { Machine, MachineState } from '../../api/types.ts'
import type { Look } from '../../ui/states.ts'

const EVERY_MS = 2000

/** All machines that have joined, asked again while somebody looks. */
export const machinesQuery = queryOptions({
  queryKey: ['machines'],
  queryFn: async () => (await sent(api.GET('/api/v1/machines'))).items,
  refetchInterval: EVERY_MS,
})

/** Join lines, without their secrets. */
export const invitationsQuery = queryOptions({
  queryKey: ['invitations'],
  queryFn: async () => (await sent(api.GET('/api/v1/invitations'))).items,
  refetchInterval: EVERY_MS,
})

export const again = (key: 'machines' | 'invitations') => queries.invalidateQueries({ queryKey: [key] })

export const MACHINE: Record<MachineState, Look> = {
  healthy: { tone: 'ok', icon: 'check', word: 'machine.healthy' },
  suspect: { tone: 'warn', icon: 'warning', word: 'machine.suspect' },
  away: { tone: 'bad', icon: 'cross', word: 'machine.away' },
  never: { tone: 'idle', icon: 'clock', word: 'machine.never' },
}
const DRAINED: Look = { tone: 'idle', icon: 'stop', word: 'machine.drained' }
const DRAINING: Look = { tone: 'warn', icon: 'clock', word: 'machine.draining' }
const CORDONED: Look = { tone: 'warn', icon: 'stop', word: 'machine.cordoned' }

/** What is to be seen of a machine at one glance: that it is away counts more than what is wanted of it. */
export function machineLook(machine: Machine): Look {
  if (machine.state === 'away' || machine.state === 'never') return MACHINE[machine.state]
  if (machine.drained) return DRAINED
  if (machine.draining) return DRAINING
  if (machine.cordoned) return CORDONED
  return MACHINE[machine.state]
}

/** The engine that serves models there, if any does. */
export function engineOf(machine: Machine): string | undefined {
  return machine.services?.find((one) => one.healthy && (one.kind === 'ollama' || one.kind === 'embedded'))
    ?.kind
}

/** What a machine that joins has still to do, in the order in which it happens. */
export interface Step {
  word: 'step.line' | 'step.joined' | 'step.reports' | 'step.reached' | 'step.serves'
  state: 'done' | 'waiting' | 'failed'
  note: string
}

export function stepsOf(usedBy: string, machines: readonly Machine[]): Step[] {
  const machine = machines.find((one) => one.name === usedBy)
  const reports = machine !== undefined && machine.state === 'healthy'
  const reached = machine?.reachable
  return [
    { word: 'step.line', state: 'done', note: '' },
    { word: 'step.joined', state: usedBy ? 'done' : 'waiting', note: usedBy },
    { word: 'step.reports', state: reports ? 'done' : 'waiting', note: '' },
    {
      word: 'step.reached',
      state: reached === true ? 'done' : reached === false ? 'failed' : 'waiting',
      note: machine?.unreachable_because ?? '',
    },
    {
      word: 'step.serves',
      state: machine && engineOf(machine) ? 'done' : 'waiting',
      note: machine ? (engineOf(machine) ?? '') : '',
    },
  ]
}

import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import type { Energy, Power } from '../../api/types.ts'

const EVERY_MS = 5000
const DAY_MS = 86_400_000

/** What machines drew in the last thirty days, asked again while somebody looks. */
export const powerQuery = queryOptions({
  queryKey: ['power'],
  queryFn: () => sent(api.GET('/api/v1/power')),
  refetchInterval: EVERY_MS,
})

/** A day to draw. `energy` is missing where nothing was measured; `share` is its part of the highest one, 0 to 1. */
export interface Bar {
  day: string
  energy: Energy | undefined
  share: number
}

/** Every day from the first to the last, those that the API knows nothing of among them. Pure. */
export function barsOf(power: Power): Bar[] {
  const known = new Map(power.days.map((one) => [one.day, one.energy]))
  const top = Math.max(...power.days.map((one) => one.energy.watt_hours), Number.MIN_VALUE)
  const [first, last] = [Date.parse(power.first), Date.parse(power.last)]
  return Array.from({ length: Math.round((last - first) / DAY_MS) + 1 }, (_, index) => {
    const day = new Date(first + index * DAY_MS).toISOString().slice(0, 10)
    const energy = known.get(day)
    return { day, energy, share: energy ? energy.watt_hours / top : 0 }
  })
}

/** Why there is nothing to draw; undefined when there is something. */
export function lacking(power: Power, joined: number): 'alone' | 'untold' | 'silent' | undefined {
  if (power.machines.length > 0) return undefined
  if (power.untold.length > 0) return 'untold'
  return joined > 0 ? 'silent' : 'alone'
}

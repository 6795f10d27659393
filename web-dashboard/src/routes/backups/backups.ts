import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import { queries } from '../../api/session.ts'
import type { Backup } from '../../api/types.ts'
import type { Look } from '../../ui/states.ts'

/** Milliseconds between two looks: the head makes some by its schedule, and no topic tells of them. */
const LOOK_MS = 30_000

export const backupsQuery = queryOptions({
  queryKey: ['backups'],
  queryFn: async () => (await sent(api.GET('/api/v1/backups'))).items,
  refetchInterval: LOOK_MS,
})

const PROVEN: Look = { tone: 'ok', icon: 'check', word: 'backup.proven' }
const UNPROVEN: Look = { tone: 'bad', icon: 'cross', word: 'backup.unproven' }

export const backupLook = ({ verified }: Pick<Backup, 'verified'>): Look => (verified ? PROVEN : UNPROVEN)

/** The newest that is known to give back what went in. Pure. */
export function newestProven(all: readonly Backup[]): Backup | undefined {
  return all
    .filter((one) => one.verified)
    .reduce<Backup | undefined>((best, one) => (best && best.made_at >= one.made_at ? best : one), undefined)
}

/** Whether nothing could be restored for sure once it is gone. Pure. */
export const isLastProven = ({ name, verified }: Backup, all: readonly Backup[]): boolean =>
  verified && !all.some((one) => one.verified && one.name !== name)

/** Where the API gives the file, sealed as it is. */
export const fileOf = (name: string) => `/api/v1/backups/${encodeURIComponent(name)}/file`

const again = () => queries.invalidateQueries({ queryKey: backupsQuery.queryKey })

/** Asks for the list again after a refusal, too: what failed may have left something, or found a backup damaged. */
async function thenLook<T>(deed: Promise<T>): Promise<T> {
  try {
    return await deed
  } finally {
    await again()
  }
}

export const createBackup = () => thenLook(sent(api.POST('/api/v1/backups')))

export const verifyBackup = (backup: string) =>
  thenLook(sent(api.POST('/api/v1/backups/{backup}/verify', { params: { path: { backup } } })))

export const removeBackup = (backup: string) =>
  thenLook(sent(api.DELETE('/api/v1/backups/{backup}', { params: { path: { backup } } })))

/** When the next is due, in Unix seconds; null where none is made by itself. The first comes soon. Pure. */
export function nextAt(all: readonly Backup[], everyHours: number): number | null {
  if (everyHours <= 0 || all.length === 0) return null
  return Math.max(...all.map((one) => one.made_at)) + 3600 * everyHours
}

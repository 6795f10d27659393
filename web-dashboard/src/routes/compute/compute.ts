import { queryOptions } from '@tanstack/react-query'
import { api, sent } from '../../api/client.ts'
import { queries } from '../../api/session.ts'
import type { Job, JobState, Overview, Worker } from '../../api/types.ts'
import type { Look } from '../../ui/states.ts'

/** Milliseconds between two looks: no topic tells of jobs. */
const LOOK_MS = 15_000
const BUSY_LOOK_MS = 2_000
/** A worker tells of itself each half second; who said nothing for so long is asked by the scheduler. */
export const SILENT_SECONDS = 3

const ENDED: ReadonlySet<JobState> = new Set(['succeeded', 'failed', 'cancelled', 'lost'])

/** Whether nothing more will happen to it. Pure. */
export const hasEnded = ({ state }: Pick<Job, 'state'>): boolean => ENDED.has(state)

export const jobsQuery = queryOptions({
  queryKey: ['jobs'],
  queryFn: async () => (await sent(api.GET('/api/v1/compute/jobs'))).items,
  refetchInterval: ({ state }) => (state.data?.every(hasEnded) === false ? BUSY_LOOK_MS : LOOK_MS),
})

export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: ['job', id],
    queryFn: () => sent(api.GET('/api/v1/compute/jobs/{job_id}', { params: { path: { job_id: id } } })),
    refetchInterval: ({ state }) => (state.data && hasEnded(state.data) ? false : BUSY_LOOK_MS),
  })

export async function cancelJob(id: string): Promise<void> {
  try {
    await sent(api.DELETE('/api/v1/compute/jobs/{job_id}', { params: { path: { job_id: id } } }))
  } finally {
    await Promise.all([
      queries.invalidateQueries({ queryKey: jobsQuery.queryKey }),
      queries.invalidateQueries({ queryKey: ['job', id] }),
    ])
  }
}

export const scaleWorkers = (count: number) => sent(api.PUT('/api/v1/workers', { body: { count } }))

export const JOB: Record<JobState, Look> = {
  queued: { tone: 'idle', icon: 'clock', word: 'job.queued' },
  running: { tone: 'busy', icon: 'play', word: 'job.running' },
  succeeded: { tone: 'ok', icon: 'check', word: 'job.succeeded' },
  failed: { tone: 'bad', icon: 'cross', word: 'job.failed' },
  cancelled: { tone: 'idle', icon: 'stop', word: 'job.cancelled' },
  lost: { tone: 'warn', icon: 'question', word: 'job.lost' },
}

const PAUSED: Look = { tone: 'warn', icon: 'pause', word: 'worker.paused' }
const SILENT: Look = { tone: 'warn', icon: 'question', word: 'worker.silent' }
const BUSY: Look = { tone: 'busy', icon: 'play', word: 'worker.busy' }
const FREE: Look = { tone: 'ok', icon: 'check', word: 'worker.free' }

/** How a worker stands. Pure. */
export function workerLook(
  worker: Pick<Worker, 'paused' | 'executing' | 'ready' | 'last_seen_seconds'>,
): Look {
  if (worker.last_seen_seconds > SILENT_SECONDS) return SILENT
  if (worker.paused) return PAUSED
  return worker.executing + worker.ready > 0 ? BUSY : FREE
}

const REACHABLE: Look = { tone: 'ok', icon: 'check', word: 'compute.answers' }
const UNREACHABLE: Look = { tone: 'bad', icon: 'cross', word: 'compute.away' }

export const schedulerLook = ({ reachable }: { reachable: boolean }): Look =>
  reachable ? REACHABLE : UNREACHABLE

/** Sums over all workers. Pure. */
export function sumOf(workers: readonly Worker[]) {
  const sum = (of: (worker: Worker) => number) => workers.reduce((total, one) => total + of(one), 0)
  return {
    threads: sum((one) => one.threads),
    memory: sum((one) => one.memory),
    limit: sum((one) => one.memory_limit),
    executing: sum((one) => one.executing),
    ready: sum((one) => one.ready),
  }
}

/** The machine that a worker runs on. Pure: the name says it, `<machine>-<n>`; those of this head are `worker-<n>`. */
export function machineOf(name: string): string | null {
  const [, machine] = /^(.+)-\d+$/.exec(name) ?? []
  return machine === undefined || machine === 'worker' ? null : machine
}

/** How many workers the head's own cluster has started. Pure. */
export const localCount = (workers: readonly Worker[]): number =>
  workers.filter(({ name }) => /^worker-\d+$/.test(name)).length

export type Notice = Overview['compute']['notices'][number]

const KINDS: Record<string, Look> = {
  'worker.added': { tone: 'ok', icon: 'plus', word: 'notice.added' },
  'worker.left': { tone: 'idle', icon: 'leave', word: 'notice.left' },
  'worker.lost': { tone: 'bad', icon: 'cross', word: 'notice.lost' },
  'worker.refused': { tone: 'bad', icon: 'stop', word: 'notice.refused' },
  'task.erred': { tone: 'bad', icon: 'warning', word: 'notice.erred' },
}

/** How a notice looks; undefined for a kind of another version. Pure. */
export const noticeLook = (kind: string): Look | undefined => KINDS[kind]

/** What can be done to models. Each throws an `ApiError` when nothing of it was done. */
import { api, sent } from '../../api/client.ts'
import type { NodeOutcome } from '../../api/types.ts'
import { again } from './models.ts'

/** Where it was not done, though it was elsewhere. */
type Left = readonly NodeOutcome[]

const leftOf = (items: readonly NodeOutcome[]): Left => items.filter((one) => one.error !== '')

export async function load(model: string, nodes: readonly string[]): Promise<Left> {
  const call = api.POST('/api/v1/models/{model}/load', {
    params: { path: { model } },
    body: { nodes: [...nodes], keep: false },
  })
  return leftOf((await sent(call)).items)
}

/** Out of memory, and no longer pinned there. */
export async function unload(model: string, nodes: readonly string[]): Promise<Left> {
  const call = api.POST('/api/v1/models/{model}/unload', {
    params: { path: { model } },
    body: { nodes: [...nodes] },
  })
  const told = await sent(call)
  await again('pins')
  return leftOf(told.items)
}

export async function pin(model: string, nodes: readonly string[]): Promise<Left> {
  const call = api.POST('/api/v1/models/{model}/pin', {
    params: { path: { model } },
    body: { nodes: [...nodes] },
  })
  const told = await sent(call)
  await again('pins')
  return leftOf(told.items)
}

/** Everywhere: the API knows no pin of one node alone. */
export async function unpin(model: string): Promise<Left> {
  await sent(api.POST('/api/v1/models/{model}/unpin', { params: { path: { model } } }))
  await again('pins')
  return []
}

/** Gives it a second name where it is. */
export async function rename(model: string, name: string): Promise<Left> {
  const call = api.POST('/api/v1/models/{model}/copy', {
    params: { path: { model } },
    body: { name, nodes: [] },
  })
  return leftOf((await sent(call)).items)
}

/** Bytes that came back. */
export async function remove(model: string, nodes: readonly string[]): Promise<number> {
  const params = { path: { model }, query: { node: [...nodes] } }
  const told = await sent(api.DELETE('/api/v1/models/{model}', { params }))
  await again('pins')
  return Object.values(told.freed ?? {}).reduce((sum, one) => sum + one, 0)
}

export interface PullWanted {
  model: string
  nodes: readonly string[]
  fits: boolean
  context: number
  copies: boolean
}

export async function beginPull({ nodes, ...wanted }: PullWanted): Promise<void> {
  await sent(api.POST('/api/v1/pulls', { body: { ...wanted, one_node: false, nodes: [...nodes] } }))
  await again('pulls')
}

export async function changePull(id: string, verb: 'pause' | 'resume'): Promise<void> {
  const params = { path: { pull_id: id } }
  await (verb === 'pause'
    ? sent(api.POST('/api/v1/pulls/{pull_id}/pause', { params }))
    : sent(api.POST('/api/v1/pulls/{pull_id}/resume', { params })))
  await again('pulls')
}

export async function cancelPull(id: string, nodes: readonly string[], purge: boolean): Promise<void> {
  const call = api.POST('/api/v1/pulls/{pull_id}/cancel', {
    params: { path: { pull_id: id } },
    body: { nodes: [...nodes], purge },
  })
  await sent(call)
  await again('pulls')
}

export async function forgetPull(id: string): Promise<void> {
  await sent(api.DELETE('/api/v1/pulls/{pull_id}', { params: { path: { pull_id: id } } }))
  await again('pulls')
}

export async function updateModels(models: readonly string[]): Promise<void> {
  await sent(api.POST('/api/v1/updates', { body: { models: [...models] } }))
  await again('pulls', 'model-updates')
}

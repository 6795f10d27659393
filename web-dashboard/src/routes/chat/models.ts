import type { Model, Overview } from '../../api/types.ts'

/** Models that can chat: those that do not say what they can do are given the benefit of the doubt. Pure. */
export function chatModels(overview: Overview | null): Model[] {
  return (overview?.models ?? []).filter(
    ({ capabilities }) =>
      capabilities.length === 0 || capabilities.includes('completion') || capabilities.includes('chat'),
  )
}

/** The model wanted if it is there, else one that is in memory already, else the first. */
export function chosenModel(models: readonly Model[], wanted: string): string {
  if (models.some((model) => model.name === wanted)) return wanted
  return (models.find((model) => model.loaded_on.length > 0) ?? models[0])?.name ?? ''
}

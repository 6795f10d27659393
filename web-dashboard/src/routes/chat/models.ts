/** Which models can be chatted with. Pure. */
import type { Model, Overview } from '../../api/types.ts'

/** Families and names of models that only embed: a node's list often does not say what a model can do. */
const EMBEDS = /bert|embed|minilm|\bbge\b|\be5\b/i

function canChat({ name, family, capabilities }: Model): boolean {
  if (capabilities.length > 0) return capabilities.includes('completion') || capabilities.includes('chat')
  return !EMBEDS.test(family) && !EMBEDS.test(name)
}

export function chatModels(overview: Overview | null): Model[] {
  return (overview?.models ?? []).filter(canChat)
}

/** The model wanted if it is there, else one that is in memory already, else the first. */
export function chosenModel(models: readonly Model[], wanted: string): string {
  if (models.some((model) => model.name === wanted)) return wanted
  return (models.find((model) => model.loaded_on.length > 0) ?? models[0])?.name ?? ''
}

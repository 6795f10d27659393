import type { Model } from '../../api/types.ts'
import { overview } from '../../test/fixtures.ts'
import { chatModels, chosenModel } from './models.ts'

function model(name: string, change: Partial<Model> = {}): Model {
  const [first] = overview().models
  return { ...(first as Model), name, capabilities: [], family: 'llama', loaded_on: [], ...change }
}

const names = (models: Model[]) => chatModels(overview({ models })).map((one) => one.name)

test('models that only embed are not offered', () => {
  const told = [
    model('a', { capabilities: ['embedding'] }),
    model('b', { capabilities: ['completion', 'tools'] }),
  ]
  expect(names(told)).toEqual(['b'])
  const silent = [
    model('all-minilm:latest', { family: 'bert' }),
    model('nomic-embed-text'),
    model('smollm2:135m'),
  ]
  expect(names(silent)).toEqual(['smollm2:135m'])
})

test('the model wanted is asked, else one in memory, else the first', () => {
  const models = [model('a'), model('b', { loaded_on: ['n'] })]
  expect(chosenModel(models, 'a')).toBe('a')
  expect(chosenModel(models, 'gone')).toBe('b')
  expect(chosenModel([model('a')], '')).toBe('a')
  expect(chosenModel([], 'a')).toBe('')
})

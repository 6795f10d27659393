import openapi from '../../../docs/openapi.json'
import { BREAKER, NODE, PART } from './states.ts'

const { UpstreamState, BreakerState, PartState } = openapi.components.schemas

test.each([
  ['nodes', NODE, UpstreamState.enum],
  ['breakers', BREAKER, BreakerState.enum],
  ['parts', PART, PartState.enum],
])('every state of %s has an icon, a word and a colour', (_, looks, states) => {
  expect(Object.keys(looks).sort()).toEqual([...states].sort())
})

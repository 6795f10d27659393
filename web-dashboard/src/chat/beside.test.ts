import { BesideStore, bestOf, chosenOf, type Round, turnsOf } from './beside.ts'
import { PLAIN, type Turn } from './store.ts'

const line = (value: unknown) => `${JSON.stringify(value)}\n`
const said = (text: string) =>
  line({ message: { content: text } }) + line({ done: true, eval_count: 4, eval_duration: 1e9 })

interface Asked {
  model: string
  messages: { role: string; content: string }[]
  options: object
}

/** An API in which each model says its own name; those in `broken` break off midway. */
function answering(broken: readonly string[] = []) {
  const asked: Asked[] = []
  vi.stubGlobal('fetch', async (_url: string, init: RequestInit) => {
    const body = JSON.parse(String(init.body)) as Asked
    asked.push(body)
    const text = broken.includes(body.model)
      ? line({ message: { content: 'half' } }) + line({ error: 'node died', code: 'unavailable' })
      : said(body.model)
    return new Response(text, { status: 200, headers: { 'X-Cluster-Node': `node-of-${body.model}` } })
  })
  return asked
}

const turn = (change: Partial<Turn> = {}): Turn => ({ id: 1, role: 'assistant', text: 'x', ...change })
const round = (answers: Record<string, Turn>): Round => ({ id: 1, question: 'q', inTurn: false, answers })

test('every model is asked the same with the same settings, and each answers for itself', async () => {
  const asked = answering(['b'])
  const store = new BesideStore('1')
  await store.send('capital?', ['a', 'b'], { ...PLAIN, model: 'other', seed: '7' })
  expect(asked.map(({ model, options }) => [model, options])).toEqual([
    ['a', { seed: 7 }],
    ['b', { seed: 7 }],
  ])
  const [only] = store.snapshot().rounds
  expect(only?.answers.a).toMatchObject({ text: 'a', node: 'node-of-a', stats: { tokensPerSecond: 4 } })
  expect(only?.answers.b).toMatchObject({ text: 'half', failure: { code: 'unavailable' } })
  expect(store.snapshot().pending.size).toBe(0)
})

test('each keeps a conversation of its own; who joins later begins anew', async () => {
  const asked = answering()
  const store = new BesideStore('1')
  await store.send('one', ['a', 'b'], PLAIN)
  await store.send('two', ['a', 'c'], PLAIN)
  const texts = asked.map(({ model, messages }) => [model, messages.map(({ content }) => content)])
  expect(texts.slice(2)).toEqual([
    ['a', ['one', 'a', 'two']],
    ['c', ['two']],
  ])
})

test('in turn nobody is asked before the one before has answered', async () => {
  const store = new BesideStore('1')
  store.takeTurns(true)
  let under = 0
  let most = 0
  vi.stubGlobal('fetch', async () => {
    under += 1
    most = Math.max(most, under)
    await Promise.resolve()
    under -= 1
    return new Response(said('x'))
  })
  await store.send('q', ['a', 'b', 'c'], PLAIN)
  expect(most).toBe(1)
  expect(Object.keys(store.snapshot().rounds[0]?.answers ?? {})).toEqual(['a', 'b', 'c'])
})

test('stopping stops all, and what was cleared meanwhile stays cleared', async () => {
  vi.stubGlobal(
    'fetch',
    (_url: string, { signal }: RequestInit) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
  )
  const store = new BesideStore('1')
  const asking = store.send('q', ['a', 'b'], PLAIN)
  store.stop()
  await asking
  expect(Object.values(store.snapshot().rounds[0]?.answers ?? {}).map(({ stopped }) => stopped)).toEqual([
    true,
    true,
  ])
  const again = store.send('q', ['a', 'b'], PLAIN)
  store.clear()
  await again
  expect(store.snapshot()).toMatchObject({ rounds: [], pending: new Set() })
})

test('one failed answer is asked for again, with what its model said before; the others stay', async () => {
  const broken = ['b']
  const asked = answering(broken)
  const store = new BesideStore('1')
  await store.send('one', ['a', 'b'], PLAIN)
  const kept = store.snapshot().rounds[0]?.answers.a
  await store.again('a', PLAIN)
  expect(asked).toHaveLength(2)
  broken.pop()
  await store.again('b', PLAIN)
  expect(
    asked.slice(2).map(({ model, messages }) => [model, messages.map(({ content }) => content)]),
  ).toEqual([['b', ['one']]])
  const { rounds, pending } = store.snapshot()
  expect(rounds).toHaveLength(1)
  expect(rounds[0]?.answers.a).toBe(kept)
  expect(rounds[0]?.answers.b).toMatchObject({ text: 'b', node: 'node-of-b' })
  expect(rounds[0]?.answers.b?.failure).toBeUndefined()
  expect(pending.size).toBe(0)
})

test('the choice of models stays over a reload, for whoever made it', () => {
  new BesideStore('1').choose(['a', 'b'])
  expect(new BesideStore('1').snapshot().models).toEqual(['a', 'b'])
  expect(new BesideStore('2').snapshot().models).toEqual([])
  localStorage.setItem('cluster-ai.beside.3', '{"no": "list"}')
  expect(new BesideStore('3').snapshot().models).toEqual([])
})

test('those chosen that are there, filled up to two', () => {
  expect(chosenOf(['gone', 'c'], ['a', 'b', 'c'])).toEqual(['c', 'a'])
  expect(chosenOf(['a', 'b', 'c'], ['a', 'b', 'c'])).toEqual(['a', 'b', 'c'])
  expect(chosenOf([], ['a'])).toEqual(['a'])
  expect(chosenOf([], ['a', 'b', 'c'])).toEqual(['a', 'b'])
})

test('who began first and who was fastest, of whole answers and only where there are two', () => {
  const stats = (tokensPerSecond: number | null) => ({
    promptTokens: 1,
    outputTokens: 1,
    tokensPerSecond,
    reason: 'stop',
  })
  const slow = turn({ ttft: 0.1, stats: stats(5) })
  const fast = turn({ ttft: 0.4, stats: stats(50) })
  expect(bestOf(round({ slow, fast }))).toEqual({ first: 'slow', fastest: 'fast' })
  expect(bestOf(round({ slow }))).toEqual({ first: null, fastest: null })
  expect(bestOf(round({ slow, cut: turn({ ttft: 0.01 }) }))).toEqual({ first: null, fastest: null })
  expect(bestOf(round({ a: slow, b: slow }))).toEqual({ first: null, fastest: null })
  expect(bestOf(round({ a: slow, b: turn({ ttft: 9, stats: stats(null) }) }))).toEqual({
    first: 'a',
    fastest: null,
  })
})

test('an answer that has no text is no part of the conversation', () => {
  const rounds = [round({ a: turn({ text: '' }) }), { ...round({}), id: 2, question: 'again' }]
  expect(turnsOf(rounds, 'a').map(({ text }) => text)).toEqual(['again'])
})

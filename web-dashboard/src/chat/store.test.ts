import { ChatStore, grown, PLAIN, requestOf, restored, type Turn } from './store.ts'

const line = (value: unknown) => `${JSON.stringify(value)}\n`

function answering(text: string) {
  const fetched = vi.fn(async (_url: string, _init?: RequestInit) => new Response(text, { status: 200 }))
  vi.stubGlobal('fetch', fetched)
  return fetched
}

const PARIS =
  line({ message: { content: 'Paris' } }) + line({ done: true, eval_count: 1, eval_duration: 1e9 })

test('only settings that were filled in are sent', () => {
  const turns: Turn[] = [{ id: 1, role: 'user', text: 'hi' }]
  expect(requestOf(turns, { ...PLAIN, model: 'm' })).toEqual({
    model: 'm',
    stream: true,
    messages: [{ role: 'user', content: 'hi' }],
    options: {},
  })
  const full = requestOf(turns, {
    model: 'm',
    system: ' be brief ',
    temperature: '0',
    seed: '7',
    maxTokens: 'x',
  })
  expect(full.options).toEqual({ temperature: 0, seed: 7 })
  expect(full.messages[0]).toEqual({ role: 'system', content: 'be brief' })
})

test('the first word sets the time to the first word, later ones do not', () => {
  const turn: Turn = { id: 2, role: 'assistant', text: '' }
  const first = grown(turn, { kind: 'text', text: 'Pa' }, 0.2)
  const second = grown(first, { kind: 'text', text: 'ris' }, 0.9)
  expect(second).toMatchObject({ text: 'Paris', ttft: 0.2 })
})

test('a question is answered, and both stay over a reload', async () => {
  answering(PARIS)
  const store = new ChatStore('1')
  store.set({ model: 'm' })
  await store.send('capital?')
  expect(store.snapshot().turns.map((turn) => turn.text)).toEqual(['capital?', 'Paris'])
  expect(store.snapshot().isAnswering).toBe(false)
  expect(new ChatStore('1').snapshot().turns).toHaveLength(2)
  expect(new ChatStore('2').snapshot().turns).toHaveLength(0)
})

test('an answer that broke keeps what came, says why, and can be asked again', async () => {
  answering(line({ message: { content: 'Par' } }) + line({ error: 'node died', code: 'unavailable' }))
  const store = new ChatStore('1')
  await store.send('capital?')
  expect(store.snapshot().turns[1]).toMatchObject({
    text: 'Par',
    failure: { code: 'unavailable', detail: 'node died' },
  })
  answering(PARIS)
  await store.again()
  expect(store.snapshot().turns.map((turn) => turn.text)).toEqual(['capital?', 'Paris'])
})

test('stopping aborts the request and is no failure', async () => {
  vi.stubGlobal(
    'fetch',
    (_url: string, init: RequestInit) =>
      new Promise((_, reject) => {
        init.signal?.addEventListener('abort', () => reject(new DOMException('stop', 'AbortError')))
      }),
  )
  const store = new ChatStore('1')
  const answer = store.send('capital?')
  store.stop()
  await answer
  expect(store.snapshot().turns[1]).toMatchObject({ stopped: true })
  expect(store.snapshot().turns[1]?.failure).toBeUndefined()
})

test('a conversation that is cleared while it is answered stays cleared', async () => {
  answering(PARIS)
  const store = new ChatStore('1')
  const answer = store.send('capital?')
  store.clear()
  await answer
  expect(store.snapshot()).toMatchObject({ turns: [], isAnswering: false })
})

test.each(['', '{', '[]', '{"turns":7}', '{"turns":[null,{"id":"x"}],"settings":{"model":3}}'])(
  'what an earlier visit left is dropped when it is not ours: %s',
  (kept) => {
    expect(restored(kept)).toEqual({ turns: [], settings: PLAIN })
  },
)

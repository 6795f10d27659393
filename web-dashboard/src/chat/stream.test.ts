import { ApiError } from '../api/errors.ts'
import { ask, type ChatEvent, eventsOf, Lines } from './stream.ts'

const BODY = { model: 'm', stream: true, messages: [{ role: 'user' as const, content: 'hi' }], options: {} }

function answering(chunks: (string | Uint8Array)[], headers: Record<string, string> = {}, status = 200) {
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks)
        controller.enqueue(typeof chunk === 'string' ? encoder.encode(chunk) : chunk)
      controller.close()
    },
  })
  vi.stubGlobal('fetch', async () => new Response(body, { status, headers }))
}

async function all(signal = new AbortController().signal): Promise<ChatEvent[]> {
  const events: ChatEvent[] = []
  for await (const event of ask(BODY, signal)) events.push(event)
  return events
}

test('lines may come in pieces', () => {
  const lines = new Lines()
  expect(lines.push('{"a":1}\n{"b"')).toEqual(['{"a":1}'])
  expect(lines.push(':2}\n\n')).toEqual(['{"b":2}'])
  expect(lines.push('tail')).toEqual([])
  expect(lines.end()).toEqual(['tail'])
})

test('an answer says where it came from, what it says and how fast it was', async () => {
  answering(
    [
      '{"message":{"content":"Par"},"done":false}\n{"message":{"con',
      'tent":"is"},"done":false}\n{"done":true,"done_reason":"stop","eval_count":10,"eval_duration":500000000}\n',
    ],
    { 'X-Cluster-Node': 'embedded', 'X-Cluster-Why': 'resident', 'X-Cluster-Attempts': '2' },
  )
  expect(await all()).toEqual([
    { kind: 'head', node: 'embedded', why: 'resident', attempts: 2 },
    { kind: 'text', text: 'Par' },
    { kind: 'text', text: 'is' },
    { kind: 'done', stats: { promptTokens: 0, outputTokens: 10, tokensPerSecond: 20, reason: 'stop' } },
  ])
})

test('a letter that is cut in two between chunks stays whole', async () => {
  const bytes = new TextEncoder().encode('{"message":{"content":"é"},"done":true}\n')
  const cut = bytes.indexOf(0xc3) + 1
  answering([bytes.slice(0, cut), bytes.slice(cut)])
  expect(await all()).toContainEqual({ kind: 'text', text: 'é' })
})

test('an error line in the middle is an error, not text', () => {
  expect(() => eventsOf('{"error":"node died","code":"unavailable"}')).toThrow(
    expect.objectContaining({ code: 'unavailable', message: 'node died' }),
  )
  expect(() => eventsOf('<html>')).toThrow(ApiError)
})

test('an answer without its last line was cut off', async () => {
  answering(['{"message":{"content":"Par"},"done":false}\n'])
  await expect(all()).rejects.toMatchObject({ code: 'cut_off' })
})

test('a refusal carries the words of the API', async () => {
  answering(
    ['{"type":"about:blank","title":"Unavailable","status":503,"detail":"no node","code":"unavailable"}'],
    { 'Retry-After': '7' },
    503,
  )
  await expect(all()).rejects.toMatchObject({ code: 'unavailable', message: 'no node', retryAfter: 7 })
})

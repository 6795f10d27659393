import { overview } from '../test/fixtures.ts'
import { BEFORE, HISTORY, Live, pause, received } from './live.ts'

const message = (number: number, at: number) => ({ number, topic: 'overview', data: overview({ at }) })

class FakeSocket {
  static all: FakeSocket[] = []
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  closed = false
  readonly url: URL
  constructor(url: URL) {
    this.url = url
    FakeSocket.all.push(this)
  }
  close() {
    this.closed = true
  }
}

const newest = () => FakeSocket.all.at(-1) as FakeSocket

function hide(hidden: boolean) {
  Object.defineProperty(document, 'hidden', { configurable: true, value: hidden })
  document.dispatchEvent(new Event('visibilitychange'))
}

beforeEach(() => {
  FakeSocket.all = []
  vi.stubGlobal('WebSocket', FakeSocket)
  vi.useFakeTimers()
  hide(false)
})
afterEach(() => vi.useRealTimers())

test('samples are kept up to the limit, oldest first', () => {
  let state = BEFORE
  for (let at = 0; at < HISTORY + 5; at++) state = received(state, message(at, at), 0)
  expect(state.samples).toHaveLength(HISTORY)
  expect(state.samples[0]?.at).toBe(5)
})

test('a clock that was set back does not draw a line backwards', () => {
  let state = received(BEFORE, message(1, 100), 0)
  state = received(state, message(2, 50), 0)
  expect(state.samples.map((sample) => sample.at)).toEqual([50])
})

test('events are newest first', () => {
  const event = (subject: string) => ({ at: 1, kind: 'node.state', subject, before: '', after: 'down' })
  let state = received(BEFORE, { number: 1, topic: 'events', data: event('a') }, 0)
  state = received(state, { number: 2, topic: 'events', data: event('b') }, 0)
  expect(state.events.map((one) => one.subject)).toEqual(['b', 'a'])
})

test('pauses between attempts grow, and end growing', () => {
  expect(pause(0, 0)).toBe(250)
  expect(pause(3, 1)).toBe(4000)
  expect(pause(1000, 1)).toBe(15_000)
})

test('a lost connection is made again and resumes after the last message', async () => {
  const live = new Live(async () => true)
  const stop = live.start()
  newest().onmessage?.({ data: JSON.stringify(message(41, 1)) })
  newest().onclose?.({ code: 1006 })
  await vi.advanceTimersByTimeAsync(1000)
  expect(FakeSocket.all).toHaveLength(2)
  expect(newest().url.searchParams.get('after')).toBe('41')
  expect(newest().url.searchParams.get('topics')).toBe('overview,events')
  expect(live.snapshot().link).toBe('lost')
  stop()
})

test('nothing is asked for while the tab is hidden', async () => {
  const live = new Live(async () => true)
  const stop = live.start()
  hide(true)
  expect(newest().closed).toBe(true)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(FakeSocket.all).toHaveLength(1)
  hide(false)
  expect(FakeSocket.all).toHaveLength(2)
  stop()
})

test('a connection through which nothing comes any more is given up and made again', async () => {
  const live = new Live(async () => true)
  const stop = live.start()
  newest().onmessage?.({ data: JSON.stringify(message(7, 1)) })
  const silent = newest()
  await vi.advanceTimersByTimeAsync(15_000)
  expect(silent.closed).toBe(true)
  expect(newest()).not.toBe(silent)
  expect(newest().url.searchParams.get('after')).toBe('7')
  stop()
})

test('somebody who does not want to wait is connected at once', () => {
  const live = new Live(async () => true)
  const stop = live.start()
  live.retryNow()
  expect(FakeSocket.all.map((socket) => socket.closed)).toEqual([true, false])
  stop()
})

test('a session that ended is not tried again', async () => {
  const live = new Live(async () => false)
  const stop = live.start()
  newest().onclose?.({ code: 1006 })
  await vi.advanceTimersByTimeAsync(60_000)
  expect(live.snapshot().link).toBe('ended')
  expect(FakeSocket.all).toHaveLength(1)
  stop()
})

test('what is no message is ignored', () => {
  const live = new Live(async () => true)
  const stop = live.start()
  newest().onmessage?.({ data: '{"num' })
  expect(live.snapshot().overview).toBeNull()
  stop()
})

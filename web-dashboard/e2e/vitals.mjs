// How fast each page is there for somebody who opens it for the first time, by the figures of Lighthouse and with its
// slowed machine and line: one JSON line for each page and machine.
//   CLUSTER_AI_URL=http://127.0.0.1:8000 CLUSTER_AI_USER=admin CLUSTER_AI_PASSWORD=... npm run e2e:vitals
// CLUSTER_AI_ROUNDS: how often each page is opened; the median is told (3).
import { openContext, signedInState, URL_UNDER_TEST, withBrowser } from './browser.mjs'

const ROUNDS = Number(process.env.CLUSTER_AI_ROUNDS ?? 3)
/** Nothing is fetched and nothing holds the page for so long: it is there. */
const QUIET_MS = 1500

const PAGES = [
  ['/', '#nodes'],
  ['/chat', 'form textarea'],
  ['/machines', 'main h1'],
  ['/models', 'main h1'],
  ['/gateway', '#decisions'],
  ['/services', '#services'],
  ['/topology', '#topology svg'],
  ['/plans', 'main h1'],
  ['/objectives', 'main h1'],
  ['/freezes', '#policies'],
  ['/compute', '#workers'],
  ['/charts', '#metrics'],
  ['/events', '#incidents'],
  ['/people', '#sessions'],
  ['/audit', '#audit'],
  ['/backups', '#restore'],
  ['/updates', '#steps'],
  ['/doctor', '#fine'],
  ['/settings', '#sessions'],
  ['/configuration', '#settings'],
]

/** `slow` and `line` are those of Lighthouse's mobile run: a phone of the middle class on slow 4G. */
const MACHINES = [
  { name: 'desktop in the LAN', size: 'desktop', slow: 1 },
  { name: 'phone in the LAN', size: 'phone', slow: 4 },
  { name: 'phone on slow 4G', size: 'phone', slow: 4, line: { kbit: 1638.4, milliseconds: 150 } },
]

/** Runs in the page, before anything of it. */
function observe() {
  const seen = { lcp: 0, cls: 0, longest: [] }
  window.vitals = seen
  const watch = (type, work) =>
    new PerformanceObserver((list) => list.getEntries().forEach(work)).observe({ type, buffered: true })
  watch('largest-contentful-paint', (entry) => {
    seen.lcp = entry.startTime
  })
  watch('layout-shift', (entry) => {
    if (!entry.hadRecentInput) seen.cls += entry.value
  })
  watch('longtask', (entry) => seen.longest.push([entry.startTime, entry.duration]))
}

/** Runs in the page, when it is there. Milliseconds, bytes. */
function told() {
  const { lcp, cls, longest } = window.vitals
  const fcp = performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0
  const loaded = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  const blocked = longest.filter(([at]) => at >= fcp).map(([, took]) => Math.max(0, took - 50))
  const sum = (numbers) => numbers.reduce((all, one) => all + one, 0)
  return {
    fcp,
    lcp,
    cls,
    tbt: sum(blocked),
    bytes: sum(loaded.map((one) => one.transferSize)),
    requests: loaded.length,
    elements: document.querySelectorAll('*').length,
  }
}

async function opened(browser, state, machine, [path, landmark]) {
  const { context } = await openContext(browser, { size: machine.size, state })
  await context.addInitScript(observe)
  const page = await context.newPage()
  const wire = await context.newCDPSession(page)
  await wire.send('Emulation.setCPUThrottlingRate', { rate: machine.slow })
  if (machine.line) {
    const bytes = (machine.line.kbit * 1000) / 8
    await wire.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: machine.line.milliseconds,
      downloadThroughput: bytes,
      uploadThroughput: bytes / 2,
    })
  }
  await page.goto(`${URL_UNDER_TEST}${path}`)
  await page.locator(landmark).first().waitFor({ state: 'attached', timeout: 60_000 })
  await page.waitForTimeout(QUIET_MS)
  const figures = await page.evaluate(told)
  await context.close()
  return figures
}

function median(rows) {
  const middle = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)]
  return Object.fromEntries(Object.keys(rows[0]).map((name) => [name, middle(rows.map((row) => row[name]))]))
}

await withBrowser(async (browser) => {
  const state = await signedInState(browser)
  for (const machine of MACHINES)
    for (const page of PAGES) {
      const rows = []
      for (let round = 0; round < ROUNDS; round += 1) rows.push(await opened(browser, state, machine, page))
      console.log(JSON.stringify({ machine: machine.name, page: page[0], ...median(rows) }))
    }
})

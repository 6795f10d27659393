// What other pages in the same browser try on a running cluster, and what hostile names try inside the dashboard.
//   CLUSTER_AI_URL=http://localhost:8000 CLUSTER_AI_USER=admin CLUSTER_AI_PASSWORD=... npm run e2e:attacks
// CLUSTER_AI_OTHERS: `PORT/PATH,...` of the other parts that speak HTTP on this machine.
// CLUSTER_AI_HOSTILE: a name that some node gives a model; it must be on the overview, as text.
import { createServer } from 'node:http'
import {
  check,
  demand,
  ended,
  openContext,
  post,
  signedInState,
  tokenOf,
  URL_UNDER_TEST,
  withBrowser,
} from './browser.mjs'

const { port } = new URL(URL_UNDER_TEST)
const NAME = 'evil.test'
/** Ports with paths of the other parts that speak HTTP here. */
const OTHERS = (process.env.CLUSTER_AI_OTHERS ?? '').split(',').filter(Boolean)
const HOSTILE = process.env.CLUSTER_AI_HOSTILE ?? ''
/** Runs when it is taken for HTML; its mark tells where. */
const markup = (mark) => `<img src=x onerror="window.taken='${mark}'"><script>window.taken='${mark}'</script>`

/** A page of somebody else's: empty, and never without what it tries. */
async function withForeignPage(work) {
  const server = createServer((_, answer) => {
    answer.writeHead(200, { 'Content-Type': 'text/html' })
    answer.end('<!doctype html><title>A harmless page</title><body></body>')
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await work(server.address().port)
  } finally {
    server.close()
  }
}

/** What a page can do without any help: each names what it got. Runs in the browser. */
async function triesOf({ target, changes }) {
  const api = `${target}/api/v1`
  const got = {}
  async function listening() {
    const heard = {}
    heard.image = await new Promise((resolve) => {
      const image = new Image()
      image.onload = () => resolve('loaded')
      image.onerror = () => resolve('refused')
      image.src = `${api}/users`
    })
    heard.socket = await new Promise((resolve) => {
      const socket = new WebSocket(`${target.replace('http', 'ws')}/api/v1/stream?topics=overview`)
      socket.onmessage = (event) => resolve(`told ${String(event.data).slice(0, 60)}`)
      socket.onclose = () => resolve('refused')
    })
    heard.stream = await new Promise((resolve) => {
      const stream = new EventSource(`${api}/events?topics=overview`, { withCredentials: true })
      stream.onmessage = () => resolve('told')
      stream.onopen = () => resolve('opened')
      stream.onerror = () => {
        stream.close()
        resolve('refused')
      }
    })
    return heard
  }
  const body = JSON.stringify({ name: 'planted', role: 'admin', password: 'correct horse battery staple' })
  const call = async (name, path, options) => {
    const asked = fetch(`${api}${path}`, { credentials: 'include', ...options })
    got[name] = await asked.then(
      async (answer) => `${answer.type} ${answer.status} ${(await answer.text()).slice(0, 60)}`,
      () => 'refused',
    )
  }
  const json = { 'Content-Type': 'application/json' }
  await call('read', '/users', {})
  await call('read without cors', '/users', { mode: 'no-cors' })
  if (!changes) return { ...got, ...(await listening()) }
  await call('simple post', '/users', { method: 'POST', mode: 'no-cors', body })
  await call('json post', '/users', { method: 'POST', headers: json, body })
  await call('delete', '/users/admin', { method: 'DELETE' })
  await call('put', '/plans', { method: 'PUT', headers: json, body })
  await call('sign out', '/auth/logout', { method: 'POST', mode: 'no-cors' })
  await call('with a header of ours', '/users', {
    method: 'POST',
    headers: { ...json, 'X-Requested-With': 'cluster-ai', 'X-CSRF-Token': 'guessed' },
    body,
  })
  Object.assign(got, await listening())
  got.form = await new Promise((resolve) => {
    const frame = document.createElement('iframe')
    frame.name = 'sink'
    document.body.append(frame)
    const form = document.createElement('form')
    Object.assign(form, { action: `${api}/users`, method: 'post', enctype: 'text/plain', target: 'sink' })
    const field = document.createElement('input')
    Object.assign(field, { name: body.slice(0, -1), value: '"}' })
    form.append(field)
    document.body.append(form)
    frame.onload = () => resolve('sent')
    form.submit()
  })
  got.frame = await new Promise((resolve) => {
    const frame = document.createElement('iframe')
    frame.onload = () => {
      try {
        const inside = frame.contentDocument
        resolve(inside ? `frame ${inside.body.innerText.slice(0, 200)}` : 'refused')
      } catch {
        resolve('refused')
      }
    }
    frame.src = `${target}/people`
    document.body.append(frame)
  })
  return got
}

/** The page that refuses a foreign name may be read by whoever has it. */
const READ = /^((basic|cors) 2|told|opened|loaded|frame (?!.*\b421\b))/s

/** The cluster's people: what an attack that worked would change. */
async function peopleNow() {
  const headers = { Authorization: `Bearer ${await tokenOf()}` }
  const { items } = await (await fetch(`${URL_UNDER_TEST}/api/v1/users`, { headers })).json()
  return items.map(({ name, role }) => `${name} ${role}`).sort()
}

async function foreignPage(browser, state, host) {
  const before = await peopleNow()
  const { context } = await openContext(browser, { state })
  try {
    const got = await withForeignPage(async (own) => {
      const page = await context.newPage()
      await page.goto(`http://${host}:${own}/`)
      return page.evaluate(triesOf, { target: URL_UNDER_TEST, changes: true })
    })
    const leaked = Object.entries(got).filter(([, what]) => READ.test(what))
    demand(leaked.length === 0, `it got something: ${JSON.stringify(leaked)}`)
    demand(`${await peopleNow()}` === `${before}`, `somebody was changed: ${await peopleNow()}`)
    const page = await context.newPage()
    await page.goto(`${URL_UNDER_TEST}/`)
    await page.locator('#nodes').waitFor({ timeout: 20_000 })
    return `${Object.keys(got).length} tries, nothing changed, still signed in`
  } finally {
    await context.close()
  }
}

/** From a page of ours the same reads work: else nothing that is tried elsewhere would say anything. */
async function ownPage(browser, state) {
  const { context } = await openContext(browser, { state })
  try {
    const page = await context.newPage()
    await page.goto(`${URL_UNDER_TEST}/no/such/page`)
    const got = await page.evaluate(triesOf, { target: URL_UNDER_TEST, changes: false })
    for (const name of ['read', 'socket', 'stream']) demand(READ.test(got[name]), `${name}: ${got[name]}`)
    return JSON.stringify(Object.keys(got))
  } finally {
    await context.close()
  }
}

/** The attacker's name leads to this machine once its page is loaded: the same origin to the browser. */
async function reboundName(browser, state) {
  const { context } = await openContext(browser, { state })
  try {
    const page = await context.newPage()
    const answer = await page.goto(`http://${NAME}:${port}/`)
    demand(answer.status() === 421, `the page under a foreign name: ${answer.status()}`)
    for (const other of OTHERS) {
      const said = (await page.goto(`http://${NAME}:${other}`)).status()
      demand([400, 403, 421].includes(said), `port ${other} answered a foreign name: ${said}`)
    }
    await page.goto(`http://${NAME}:${port}/`)
    const got = await page.evaluate(triesOf, { target: `http://${NAME}:${port}`, changes: true })
    const leaked = Object.entries(got).filter(([, what]) => READ.test(what))
    demand(leaked.length === 0, `it got something: ${JSON.stringify(leaked)}`)
    return `421, and ${Object.keys(got).length} tries`
  } finally {
    await context.close()
  }
}

/** Everything that carries a name somebody chose, made with a name that is markup; those that are refused as names. */
async function plant() {
  const token = await tokenOf()
  const made = { refused: 0, pages: ['/', '/machines', '/chat', '/people', '/audit', '/freezes'] }
  const attempt = async (path, body, then) => {
    try {
      const answer = await post(path, body, token)
      then?.(answer.status === 204 ? {} : await answer.json())
    } catch {
      made.refused += 1
    }
  }
  const ticket = {
    id: 'one',
    type: 'EXECUTE',
    description: markup('description'),
    parameters: { argv: ['/bin/echo', markup('line')] },
    metadata: { note: markup('metadata') },
  }
  await attempt('/plans', { name: markup('plan'), tickets: [ticket] })
  await attempt(
    '/plans',
    { name: 'hostile', tickets: [ticket], metadata: { by: markup('plan metadata') } },
    (answer) => {
      made.pages.push(
        '/plans',
        `/plans/${answer.plan.plan_id}?view=graph`,
        `/tickets/${answer.ticket_ids.one}`,
      )
    },
  )
  const slo = { target: 0.9, description: markup('objective text') }
  await attempt('/slos', { slo_id: 'hostile', name: markup('objective'), ...slo }, () => {
    made.pages.push('/objectives', '/objectives/hostile')
  })
  await attempt('/users', { name: markup('person'), role: 'viewer', password: '' })
  await attempt('/keys', { name: markup('key') })
  await attempt('/webhooks', { url: 'https://example.org/x', name: markup('webhook') })
  // Whoever fails to sign in writes a name of their choice into the audit log and the logs.
  await attempt('/auth/token', { username: markup('audit').slice(0, 64), password: 'x' })
  const why = encodeURIComponent(markup('query'))
  made.pages.push(
    `/logs?q=${why}`,
    `/plans?state=${why}`,
    '/gateway',
    `/gateway?request=${why}`,
    '/models?view=machines',
    `/models?q=${why}&model=${why}`,
    `/no/${why}`,
    `/sign-in?next=${encodeURIComponent('javascript:window.taken=1')}`,
  )
  return made
}

async function hostileNames(browser, state) {
  const { pages, refused } = await plant()
  const { context, strays, complaints } = await openContext(browser, { state })
  try {
    const page = await context.newPage()
    const dialogs = []
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message())
      dialog.dismiss()
    })
    if (HOSTILE) {
      await page.goto(`${URL_UNDER_TEST}/`)
      await page.getByText(HOSTILE).first().waitFor({ timeout: 20_000 })
    }
    for (const path of pages) {
      await page.goto(`${URL_UNDER_TEST}${path}`)
      await page.locator('main').waitFor()
      await page.waitForTimeout(300)
      const taken = await page.evaluate(() => window.taken)
      demand(taken === undefined, `${path}: markup ran: ${taken}`)
      demand((await page.locator('main img[src="x"]').count()) === 0, `${path}: markup became an element`)
    }
    demand(dialogs.length === 0, `a dialog: ${dialogs[0]}`)
    demand(strays.length === 0, `left its origin: ${strays[0]}`)
    const policy = complaints.filter((text) => /Content Security Policy/.test(text))
    demand(policy.length === 0, `the policy had to stop something: ${policy[0]}`)
    return `${pages.length} pages; ${refused} names refused at once`
  } finally {
    await context.close()
  }
}

await withBrowser(
  async (browser) => {
    const state = await signedInState(browser)
    await check('a page of ours', () => ownPage(browser, state))
    await check('a page elsewhere', () => foreignPage(browser, state, NAME))
    await check('a page of the same host, on another port', () => foreignPage(browser, state, 'localhost'))
    await check('a name that leads here (DNS rebinding)', () => reboundName(browser, state))
    await check('names that are markup', () => hostileNames(browser, state))
  },
  [`--host-resolver-rules=MAP ${NAME} 127.0.0.1`],
)
ended()

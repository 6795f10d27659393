// What every browser script shares: one Chromium, the address and account under test, signing in.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

export const URL_UNDER_TEST = (process.env.CLUSTER_AI_URL ?? 'http://127.0.0.1:8000').replace(/\/$/, '')
export const USER = process.env.CLUSTER_AI_USER ?? 'admin'
export const PASSWORD = process.env.CLUSTER_AI_PASSWORD ?? ''

export const SIZES = {
  phone: { width: 360, height: 780 },
  tablet: { width: 768, height: 1024 },
  desktop: { width: 1440, height: 900 },
}

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

let failed = 0

/** Runs one check; what it throws fails it, what it answers is printed. */
export async function check(name, work) {
  const began = Date.now()
  const told = (word, what) => {
    const seconds = ((Date.now() - began) / 1000).toFixed(1).padStart(5)
    console.log(`${word}  ${seconds} s  ${name}${what ? `: ${what}` : ''}`)
  }
  try {
    told('ok  ', (await work()) ?? '')
  } catch (error) {
    failed += 1
    told('FAIL', error.message ?? error)
  }
}

export function demand(truth, words) {
  if (!truth) throw new Error(words)
}

/** Says how the checks went, and ends the process so. */
export function ended() {
  console.log(failed === 0 ? 'all checks passed' : `${failed} check(s) failed`)
  process.exit(failed === 0 ? 0 : 1)
}

/** Runs `work` with a Chromium of its own, started with more `flags`; nothing of it is left behind. */
export async function withBrowser(work, flags = []) {
  if (PASSWORD === '') throw new Error('set CLUSTER_AI_PASSWORD (and CLUSTER_AI_URL, CLUSTER_AI_USER)')
  const profile = mkdtempSync(join(tmpdir(), 'dashboard-e2e-'))
  const browser = await chromium.launch({
    executablePath: process.env.CLUSTER_AI_CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [...FLAGS, ...flags],
    env: { ...process.env, HOME: profile },
  })
  try {
    return await work(browser)
  } finally {
    await browser.close()
    rmSync(profile, { recursive: true, force: true })
  }
}

/** A context (cookies, storage) with a size, a theme and a language; requests that leave the origin are counted. */
export async function openContext(
  browser,
  { size = 'desktop', theme = 'light', language = 'en', state } = {},
) {
  const context = await browser.newContext({
    viewport: SIZES[size],
    colorScheme: theme,
    locale: language === 'pt-BR' ? 'pt-BR' : 'en-GB',
    reducedMotion: 'reduce',
    deviceScaleFactor: 1,
    storageState: state,
  })
  await context.addInitScript(
    ([chosenTheme, chosenLanguage]) => {
      if (window.origin === 'null') return
      localStorage.setItem('cluster-ai.theme', chosenTheme)
      localStorage.setItem('cluster-ai.language', chosenLanguage)
    },
    [theme, language],
  )
  const strays = []
  const complaints = []
  context.on('request', (request) => {
    if (!request.url().startsWith(URL_UNDER_TEST) && !/^(data|blob):/.test(request.url()))
      strays.push(request.url())
  })
  context.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  context.on('weberror', (error) => complaints.push(String(error.error())))
  return { context, strays, complaints }
}

/** Posts to the API as a program does: with a token, or without one to get it. */
export async function post(path, body, token) {
  const answer = await fetch(`${URL_UNDER_TEST}/api/v1${path}`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
    },
    body: JSON.stringify(body),
  })
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return answer
}

export async function tokenOf() {
  return (await (await post('/auth/token', { username: USER, password: PASSWORD })).json()).access_token
}

/** A plan that builds, checks and packs; its tickets only write lines. */
const PLAN = {
  name: 'nightly',
  failure_policy: 'CONTINUE',
  tickets: [
    ['fetch', []],
    ['unpack', ['fetch']],
    ['licences', ['fetch']],
    ['build', ['unpack']],
    ['unit-tests', ['unpack']],
    ['types', ['unpack']],
    ['package', ['build', 'unit-tests', 'types']],
    ['publish', ['package', 'licences']],
  ].map(([id, depends_on]) => ({
    id,
    type: 'EXECUTE',
    depends_on,
    estimated_duration_ms: 1000 * id.length,
    parameters: { argv: ['/bin/sh', '-c', `for n in 1 2 3; do echo "${id}: step $n of 3"; sleep 1; done`] },
    // The last one waits for somebody's yes: a page of a ticket has more to say then.
    metadata: id === 'publish' ? { approval: 'required' } : {},
  })),
}

/** Work and a promise to look at: the plan's id, that of its last ticket, and the objective's. */
export async function madeWork() {
  const token = await tokenOf()
  const { plan, ticket_ids: tickets } = await (await post('/plans', PLAN, token)).json()
  const sloId = 'chats-are-answered'
  const known = await fetch(`${URL_UNDER_TEST}/api/v1/slos/${sloId}`, {
    headers: { Authorization: `Bearer ${token}` },
  })
  if (known.status === 404)
    await post('/slos', { slo_id: sloId, name: 'Chats are answered', target: 0.99 }, token)
  return { planId: plan.plan_id, ticketId: tickets.build, sloId }
}

/** Signs in through the form and waits for the live overview. */
export async function signIn(page) {
  await page.goto(`${URL_UNDER_TEST}/`)
  await page.locator('input[autocomplete="username"]').fill(USER)
  await page.locator('input[autocomplete="current-password"]').fill(PASSWORD)
  await page.locator('button[type="submit"]').click()
  await page.locator('#nodes').waitFor({ timeout: 20_000 })
}

/** A signed-in state that other contexts start from: one sign-in for all of them. */
export async function signedInState(browser) {
  const { context } = await openContext(browser)
  const page = await context.newPage()
  await signIn(page)
  const state = await context.storageState()
  await context.close()
  return { cookies: state.cookies, origins: [] }
}

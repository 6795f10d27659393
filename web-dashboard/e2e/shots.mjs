// The pictures of the documentation, taken on a running cluster: docs/images/PAGE-THEME-SIZE.png.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  madeWork,
  openContext,
  post,
  signedInState,
  tokenOf,
  URL_UNDER_TEST,
  withBrowser,
} from './browser.mjs'
import { smaller } from './png.mjs'

const FOLDER = process.env.CLUSTER_AI_SHOTS ?? join(import.meta.dirname, '../../docs/images')
const MODEL = process.env.CLUSTER_AI_MODEL ?? 'smollm2:135m'
/** How long the overview gathers traffic before its picture is taken. */
const GATHER_MS = 45_000
/** In English for every picture: the built-in model speaks little else. */
const QUESTION = 'What is the capital of France?'

const LOOKS = [
  { theme: 'light', size: 'desktop' },
  { theme: 'dark', size: 'desktop' },
  { theme: 'light', size: 'phone' },
  { theme: 'dark', size: 'phone' },
  { theme: 'light', size: 'desktop', language: 'pt-BR' },
]

function save(page, name) {
  return page.screenshot({ animations: 'disabled' }).then((bytes) => {
    const packed = smaller(bytes)
    writeFileSync(join(FOLDER, `${name}.png`), packed)
    console.log(`${name}.png  ${(packed.length / 1024).toFixed(0)} KiB`)
  })
}

const nameOf = (page, { theme, size, language }) =>
  `${page}-${theme}-${size}${language ? `-${language}` : ''}`

/** Keeps the cluster busy with short questions until `signal` aborts: a picture of nothing shows nothing. */
async function traffic(signal) {
  const token = await tokenOf()
  const messages = [{ role: 'user', content: 'Tell me about rivers.' }]
  while (!signal.aborted) {
    const options = { num_predict: 24 + Math.floor(40 * Math.random()) }
    const body = { model: MODEL, messages, options, stream: true }
    const answer = await post('/chat', body, token)
    await answer.text()
    await new Promise((resolve) => setTimeout(resolve, 2500 * Math.random()))
  }
}

async function shoot(browser, look, state, work) {
  const { context } = await openContext(browser, { ...look, state })
  const page = await context.newPage()
  await work(page)
  await context.close()
}

async function chat(page, look) {
  await page.goto(`${URL_UNDER_TEST}/chat`)
  const box = page.locator('form textarea:enabled')
  await page.locator('#chat-settings input').first().waitFor({ state: 'attached' })
  if (look.size === 'phone') await page.locator('button[aria-controls="chat-settings"]').click()
  await page.locator('#chat-settings input[inputmode="decimal"]').first().fill('0')
  if (look.size === 'phone') await page.locator('button[aria-controls="chat-settings"]').click()
  await box.fill(QUESTION)
  await box.press('Enter')
  await page.locator('article[aria-busy="false"] footer').last().waitFor({ timeout: 120_000 })
  await box.blur()
  await save(page, nameOf('chat', look))
}

/** Pages of work, promises, models and the gateway, with what must be there before the picture is taken. */
const WORK_LOOKS = LOOKS.filter(({ theme, size }) => size === 'desktop' || theme === 'dark')
// Not the doctor and the cluster's settings: they name folders of whatever machine the pictures are taken on.
const workPages = ({ planId, ticketId, sloId }) => ({
  plans: ['/plans', '#plans table'],
  plan: [`/plans/${planId}?view=graph`, '#tickets svg a'],
  tickets: ['/tickets', '#tickets table'],
  ticket: [`/tickets/${ticketId}`, '#history li'],
  objectives: ['/objectives', '#objectives table'],
  objective: [`/objectives/${sloId}`, '#burn table'],
  freezes: ['/freezes', '#freezes'],
  models: ['/models?view=machines', '#held table'],
  gateway: ['/gateway', '#decisions table'],
  backups: ['/backups', '#backups table'],
  events: ['/events', '#incidents'],
  services: ['/services?able=chat', '#services input'],
  settings: ['/settings', '#sessions li'],
  topology: ['/topology', '#topology svg g[role="img"]'],
  compute: ['/compute', '#scheduler'],
  updates: ['/updates', '#program'],
})

async function work(page, look, made) {
  for (const [name, [path, there]] of Object.entries(workPages(made))) {
    await page.goto(`${URL_UNDER_TEST}${path}`)
    await page.locator(there).first().waitFor({ timeout: 60_000 })
    await page.waitForTimeout(500)
    await save(page, nameOf(name, look))
  }
}

mkdirSync(FOLDER, { recursive: true })
await withBrowser(async (browser) => {
  for (const look of LOOKS) {
    await shoot(browser, look, undefined, async (page) => {
      await page.goto(`${URL_UNDER_TEST}/sign-in`)
      await page.locator('button[type="submit"]').waitFor()
      await save(page, nameOf('signin', look))
    })
  }
  const state = await signedInState(browser)
  for (const look of LOOKS) await shoot(browser, look, state, (page) => chat(page, look))
  // Before the traffic, which the objective counts; by its end the plan has come as far as it gets without a yes.
  const made = await madeWork()
  await post('/backups', {}, await tokenOf())
  const stopper = new AbortController()
  const busy = traffic(stopper.signal)
  await Promise.all(
    LOOKS.map((look) =>
      shoot(browser, look, state, async (page) => {
        await page.goto(`${URL_UNDER_TEST}/`)
        await page.locator('#nodes').waitFor()
        await page.waitForTimeout(GATHER_MS)
        await save(page, nameOf('overview', look))
      }),
    ),
  )
  stopper.abort()
  await busy
  for (const look of WORK_LOOKS) await shoot(browser, look, state, (page) => work(page, look, made))
})

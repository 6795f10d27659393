// The dashboard against a running cluster, in a real browser. One line a check; exit 1 when any fails.
//   CLUSTER_AI_URL=http://127.0.0.1:8000 CLUSTER_AI_USER=admin CLUSTER_AI_PASSWORD=... npm run e2e
// CLUSTER_AI_EVERY_LOOK=1: all sizes with all themes and languages, not just each pair of them.
// CLUSTER_AI_ANSWER: what the answer about France's capital must hold ("Paris").
import { createHmac } from 'node:crypto'
import { AxeBuilder } from '@axe-core/playwright'
import {
  check,
  demand,
  ended,
  madeWork,
  openContext,
  PASSWORD,
  SIZES,
  signedInState,
  signIn,
  URL_UNDER_TEST,
  USER,
  withBrowser,
} from './browser.mjs'

const ANSWER = process.env.CLUSTER_AI_ANSWER ?? 'Paris'
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']
const THEMES = ['light', 'dark']
const LANGUAGES = ['en', 'pt-BR']
const EVERY_LOOK = process.env.CLUSTER_AI_EVERY_LOOK === '1'

/** Opens a page, runs `work` on it, and holds what every page must: one origin, no complaint of the browser. */
async function visit(browser, options, work) {
  const { context, strays, complaints } = await openContext(browser, options)
  try {
    const told = await work(await context.newPage())
    demand(strays.length === 0, `left its origin: ${strays[0]}`)
    const loud = complaints.filter((text) => !/status of (401|404|409|422|429|503)/.test(text))
    demand(loud.length === 0, `the browser complained: ${loud[0]}`)
    return told
  } finally {
    await context.close()
  }
}

const text = (page, selector) => page.locator(selector).first().innerText()

async function overviewIsLive(page) {
  await page.goto(`${URL_UNDER_TEST}/`)
  await page.locator('#nodes').waitFor()
  const rows = await page.locator('#nodes tbody tr').count()
  demand(rows > 0, 'no node is listed')
  const sockets = []
  page.on('websocket', (socket) => sockets.push(socket))
  await page.reload()
  await page.locator('#nodes').waitFor()
  demand(sockets.length === 1, `${sockets.length} WebSockets instead of one`)
  await sockets[0].waitForEvent('framereceived', { timeout: 5000 })
  await sockets[0].waitForEvent('framereceived', { timeout: 5000 })
  const live = page.locator('[data-tone="ok"]', { hasText: /Live|Ao vivo/ })
  demand(await live.first().isVisible(), 'the page does not say that it is live')
  return `${rows} node(s), “${await text(page, 'h1')}”`
}

async function chatAnswers(page) {
  await page.goto(`${URL_UNDER_TEST}/chat`)
  await page
    .locator('form textarea:enabled')
    .fill('What is the capital of France? Answer in one short sentence.')
  const settings = page.locator(
    '#chat-settings input[inputmode="decimal"], #chat-settings input[inputmode="numeric"]',
  )
  await settings.first().fill('0')
  await page.locator('form textarea').press('Enter')
  const answer = page.locator('article[aria-busy="false"]').last()
  await answer.waitFor({ timeout: 120_000 })
  const said = await answer.innerText()
  demand(said.includes(ANSWER), `the answer holds no “${ANSWER}”: ${said.slice(0, 200)}`)
  const footer = await answer.locator('footer').innerText()
  demand(/tok\/s/.test(footer), `no speed under the answer: ${footer}`)
  return footer.replace(/\s*\n\s*/g, ', ')
}

async function keyboardReachesAll(page) {
  await page.goto(`${URL_UNDER_TEST}/`)
  await page.locator('#nodes').waitFor()
  await page.keyboard.press('Tab')
  demand(
    (await page.evaluate(() => document.activeElement?.getAttribute('href'))) === '#main',
    'no skip link',
  )
  await page.keyboard.press('Control+k')
  await page.locator('[role="dialog"] input').fill('chat')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/chat')
}

/** Written through the form into the real file, in force at the gateway, and back to what it was. */
async function settingIsChanged(page) {
  const value = () => page.locator('#settings tbody tr code').nth(1)
  const ask = async () => {
    await page.locator('#settings tbody button').first().click()
    await page.getByRole('dialog').locator('input').waitFor()
  }
  await at(page, '/configuration?q=gateway.queue_length', '#settings tbody button')
  const before = await value().innerText()
  await ask()
  await page.getByRole('dialog').locator('input').fill('77')
  await page.getByRole('dialog').locator('button[type="submit"]').click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.waitForFunction(
    () => document.querySelectorAll('#settings tbody tr code')[1]?.textContent === '77',
  )
  await ask()
  await page.getByRole('dialog').locator('button[type="button"]', { hasText: 'Back' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.waitForFunction(
    (was) => document.querySelectorAll('#settings tbody tr code')[1]?.textContent === was,
    before,
  )
  return `${before}, 77, ${before}`
}

/** What an app shows for the secret (RFC 6238), some steps of 30 s from now. */
function codeOf(secret, steps = 0) {
  const bits = [...secret].map((one) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(one).toString(2).padStart(5, '0'),
  )
  const key = Buffer.from(
    bits
      .join('')
      .match(/.{8}/g)
      .map((byte) => Number.parseInt(byte, 2)),
  )
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps))
  const made = createHmac('sha1', key).update(counter).digest()
  const at = made[19] & 15
  return String((made.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/** Turned on by an app's code, asked for at the next sign-in, and turned off with a recovery code. */
async function secondFactor(page, signInWith) {
  const dialog = page.getByRole('dialog')
  const ask = async () => {
    await at(page, '/people', 'main header button')
    await page.getByRole('button', { name: 'Second factor' }).click()
    await dialog.locator('input[autocomplete="current-password"]').fill(PASSWORD)
  }
  await ask()
  await dialog.locator('button[type="submit"]').click()
  const picture = dialog.locator('img')
  await picture.waitFor()
  demand((await picture.evaluate((one) => one.naturalWidth)) > 0, 'the picture is not drawn')
  await holds(page)
  const secret = (await dialog.locator('code').innerText()).trim()
  await dialog.locator('input[autocomplete="one-time-code"]').fill(codeOf(secret))
  await dialog.locator('button[type="submit"]').click()
  await dialog.getByRole('button', { name: 'I have kept them' }).waitFor()
  const [recovery] = (await dialog.locator('code').innerText()).trim().split(/\s+/)
  await signInWith(() => codeOf(secret, 1))
  await ask()
  await dialog.locator('input[autocomplete="one-time-code"]').fill(recovery)
  await dialog.locator('button[type="submit"]').click()
  await dialog.waitFor({ state: 'detached' })
}

async function signInWithCode(page, code) {
  await page.goto(`${URL_UNDER_TEST}/`)
  await page.locator('input[autocomplete="username"]').fill(USER)
  await page.locator('input[autocomplete="current-password"]').fill(PASSWORD)
  await page.locator('button[type="submit"]').click()
  await page.locator('input[autocomplete="one-time-code"]').fill(code())
  await page.locator('button[type="submit"]').click()
  await page.locator('#nodes').waitFor({ timeout: 20_000 })
}

async function wrongPassword(page) {
  await page.goto(`${URL_UNDER_TEST}/chat`)
  await page.locator('input[autocomplete="username"]').fill(`nobody-${Date.now()}`)
  await page.locator('input[autocomplete="current-password"]').fill('not the password')
  await page.locator('button[type="submit"]').click()
  await page.getByRole('alert').waitFor()
  return await text(page, '[role="alert"]')
}

async function missingPage(page) {
  await page.goto(`${URL_UNDER_TEST}/no/such/page`)
  demand(/404/.test(await text(page, 'main')), 'no 404')
}

async function fits(page) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  demand(over <= 0, `${over} px wider than the window`)
}

/** axe on the page as it stands, and that nothing reaches beyond the window. */
async function holds(page) {
  // What is on its way keeps what stands below it out of sight: a look in the middle of that would see halves.
  await page.waitForFunction(() => document.querySelector('[data-pending]') === null)
  await fits(page)
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze()
  const first = violations[0]
  const where = first?.nodes[0]
  demand(
    !first,
    `${violations.length} violation(s), first ${first?.id}: ${where?.target} ${where?.html} ${where?.failureSummary ?? ''}`,
  )
}

/** One after another on the same page; what is open is closed by the next step's Escape or navigation. */
const STEPS = {
  overview: async (page) => {
    await page.goto(`${URL_UNDER_TEST}/`)
    await page.locator('#nodes').waitFor()
    await page.locator('#traffic canvas').waitFor()
  },
  account: async (page) => {
    await page.locator('button[aria-haspopup="menu"]:visible').first().click()
    await page.getByRole('menu').waitFor()
  },
  palette: async (page) => {
    await page.keyboard.press('Escape')
    await page.keyboard.press('Control+k')
    await page.locator('[role="dialog"] input').waitFor()
  },
  machines: async (page) => {
    await page.goto(`${URL_UNDER_TEST}/machines`)
    await page.locator('#machines').waitFor()
    await page.locator('#add button').first().waitFor()
  },
  chat: async (page) => {
    await page.goto(`${URL_UNDER_TEST}/chat`)
    await page.locator('form textarea').waitFor()
  },
  'chat side by side': (page) => at(page, '/chat?view=beside', 'main h2'),
  logs: async (page) => {
    await page.goto(`${URL_UNDER_TEST}/logs`)
    await page.locator('#lines summary').first().click()
    await page.locator('#lines details[open] dl').waitFor()
  },
  plans: async (page) => {
    await page.goto(`${URL_UNDER_TEST}/plans`)
    await page.locator('#plans table').waitFor()
  },
  'plan as a list': (page, { planId }) => at(page, `/plans/${planId}`, '#tickets table'),
  'plan on a board': (page, { planId }) => at(page, `/plans/${planId}?view=board`, '#tickets h3'),
  'plan as a graph': (page, { planId }) => at(page, `/plans/${planId}?view=graph`, '#tickets svg a'),
  'a question before it is cancelled': async (page) => {
    await page.locator('header button[aria-haspopup="menu"]:visible').last().click()
    await page.getByRole('menuitem').last().click()
    await page.getByRole('dialog').locator('input').waitFor()
  },
  'new plan': (page) => at(page, '/plans/new', 'textarea'),
  tickets: (page) => at(page, '/tickets', '#tickets table'),
  ticket: (page, { ticketId }) => at(page, `/tickets/${ticketId}`, '#history li'),
  objectives: (page) => at(page, '/objectives', '#objectives table'),
  objective: (page, { sloId }) => at(page, `/objectives/${sloId}`, '#burn'),
  'change of an objective': (page, { sloId }) => at(page, `/objectives/${sloId}/edit`, 'form input'),
  'objectives as text': (page) => at(page, '/objectives/new?by=yaml', 'textarea'),
  freezes: (page) => at(page, '/freezes', '#policies'),
  'models by machine': (page) => at(page, '/models?view=machines', '#held [data-cell]'),
  'a model': (page) => at(page, '/models?model=smollm2:135m', '#model-where button'),
  library: (page) => at(page, '/models?view=library', '#library table'),
  gateway: (page) => at(page, '/gateway', '#decisions table'),
  people: (page) => at(page, '/people', '#sessions li'),
  audit: (page) => at(page, '/audit', '#audit table'),
  'first steps': (page) => at(page, '/setup', '#steps li'),
  backups: (page) => at(page, '/backups', '#restore li'),
  doctor: (page) => at(page, '/doctor', '#fine dd'),
  updates: (page) => at(page, '/updates', '#steps li'),
  metrics: (page) => at(page, '/charts', '#metrics canvas'),
  'metrics as a table': (page) => at(page, '/charts?view=table', '#metrics table'),
  events: (page) => at(page, '/events', '#incidents'),
  compute: (page) => at(page, '/compute', '#workers table'),
  services: (page) => at(page, '/services?able=chat', '#services input'),
  settings: (page) => at(page, '/settings', '#sessions li'),
  configuration: (page) => at(page, '/configuration', '#settings tbody button'),
  'a setting': async (page) => {
    await at(page, '/configuration?q=gateway.strategy', '#settings tbody button')
    await page.locator('#settings tbody button').first().click()
    await page.getByRole('dialog').locator('select').waitFor()
  },
  'a freeze policy': async (page) => {
    await at(page, '/freezes', '#policies button')
    await page.locator('#policies button').first().click()
    await page.getByRole('dialog').locator('fieldset, [role="group"]').first().waitFor()
  },
  'a service of one’s own': async (page) => {
    await at(page, '/services', '#services button')
    await page.locator('#services button').first().click()
    await page.getByRole('dialog').locator('input').first().waitFor()
  },
  topology: (page) => at(page, '/topology', '#topology svg g[role="img"]'),
  'topology as a table': (page) => at(page, '/topology?view=table', '#topology table'),
  missing: missingPage,
}

/** Each begins where the one before it ended. */
const TOGETHER = new Set([
  'overview',
  'account',
  'palette',
  'plan as a graph',
  'a question before it is cancelled',
])

async function at(page, path, there) {
  await page.goto(`${URL_UNDER_TEST}${path}`)
  await page.locator(there).first().waitFor()
}

/** Steps of one look. On the phone all; the other two take turns, unless every look is wanted. What is open on a page
 * is closed by the next step, so that the overview's stay together. */
function stepsOf(size) {
  const all = Object.entries(STEPS)
  if (EVERY_LOOK || size === 'phone') return all
  const odd = size === 'desktop' ? 1 : 0
  return all.filter(([name], at) => TOGETHER.has(name) || at % 2 === odd)
}

async function oneLook(browser, options, { state, made }) {
  const steps = stepsOf(options.size)
  await visit(browser, options, async (page) => {
    await page.goto(`${URL_UNDER_TEST}/sign-in`)
    await page.locator('button[type="submit"]').waitFor()
    await holds(page)
  })
  await visit(browser, { ...options, state }, async (page) => {
    for (const [name, step] of steps) {
      await step(page, made)
      await holds(page).catch((error) => {
        throw new Error(`${name}: ${error.message}`)
      })
    }
  })
  return `sign-in, ${steps.map(([name]) => name).join(', ')}`
}

/** Each size, theme and language in a quarter of all looks; all of them are for the long run of the tests. */
function looks() {
  const all = Object.keys(SIZES).flatMap((size, one) =>
    THEMES.flatMap((theme, two) =>
      LANGUAGES.map((language, three) => ({
        size,
        theme,
        language,
        shown: two === one % 2 && three === Math.min(one, 1),
      })),
    ),
  )
  return EVERY_LOOK ? all : all.filter(({ shown }) => shown)
}

async function everyLook(browser, state) {
  const made = await madeWork()
  for (const { size, theme, language } of looks()) {
    const name = `axe ${SIZES[size].width} px, ${theme}, ${language}`
    await check(name, () => oneLook(browser, { size, theme, language }, { state, made }))
  }
}

await withBrowser(async (browser) => {
  await check('a wrong password is refused in words', () => visit(browser, {}, wrongPassword))
  await check('sign in', () => visit(browser, {}, signIn))
  const state = await signedInState(browser)
  await check('the overview is live over one WebSocket', () => visit(browser, { state }, overviewIsLive))
  await check('chat answers', () => visit(browser, { state }, chatAnswers))
  await check('keyboard: skip link and palette', () => visit(browser, { state }, keyboardReachesAll))
  await check('a setting is changed and taken back', () => visit(browser, { state }, settingIsChanged))
  await check('a second factor is turned on, asked for and turned off', () =>
    visit(browser, { state }, (page) =>
      secondFactor(page, (code) => visit(browser, {}, (other) => signInWithCode(other, code))),
    ),
  )
  await check('an unknown address is a 404 page', () => visit(browser, { state }, missingPage))
  await everyLook(browser, state)
})
ended()

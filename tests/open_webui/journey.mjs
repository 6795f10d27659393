// A person's first message to Open WebUI in a real browser: signed in, typed, sent, answered. One line of JSON at the end.
//   OPEN_WEBUI_URL=http://127.0.0.1:3000 OPEN_WEBUI_TOKEN=... OPEN_WEBUI_MODEL=... OPEN_WEBUI_ASK='...' node journey.mjs
// Playwright and Chromium are the dashboard's: npm ci in web-dashboard, and CLUSTER_AI_CHROMIUM or /usr/bin/chromium.
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const require = createRequire(new URL('../../web-dashboard/package.json', import.meta.url))
const { chromium } = require('playwright-core')
const url = process.env.OPEN_WEBUI_URL
const profile = mkdtempSync(join(tmpdir(), 'open-webui-journey-'))
const browser = await chromium.launch({
  executablePath: process.env.CLUSTER_AI_CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
  env: { ...process.env, HOME: profile },
})
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB' })
  await context.addInitScript((token) => localStorage.setItem('token', token), process.env.OPEN_WEBUI_TOKEN)
  const page = await context.newPage()
  await page.goto(`${url}/?model=${encodeURIComponent(process.env.OPEN_WEBUI_MODEL)}`)
  const input = page.locator('#chat-input')
  await input.waitFor({ timeout: 60_000 })
  // What is new in this version is told once, over everything else.
  const news = page.getByRole('button', { name: "Okay, Let's Go!" })
  if (await news.isVisible({ timeout: 3000 }).catch(() => false)) await news.click()
  await input.click()
  await page.keyboard.type(process.env.OPEN_WEBUI_ASK)
  await page.keyboard.press('Enter')
  const answer = page.locator('.chat-assistant').last()
  await answer.waitFor({ timeout: 60_000 })
  // Over when the button that stops it is gone: copying is offered then.
  await page.locator('.copy-response-button').last().waitFor({ state: 'attached', timeout: 90_000 })
  if (process.env.OPEN_WEBUI_SHOT) await page.screenshot({ path: process.env.OPEN_WEBUI_SHOT })
  await page.waitForTimeout(Number(process.env.OPEN_WEBUI_LINGER ?? 0))
  console.log(JSON.stringify({ answer: (await answer.innerText()).trim(), title: await page.title() }))
} catch (error) {
  if (process.env.OPEN_WEBUI_SHOT) await browser.contexts()[0]?.pages()[0]?.screenshot({ path: process.env.OPEN_WEBUI_SHOT })
  console.error(error)
  process.exitCode = 1
} finally {
  await browser.close()
  rmSync(profile, { recursive: true, force: true })
}

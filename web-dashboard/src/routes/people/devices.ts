/** What a browser says first of those that say several: Edge and Opera call themselves Chrome, Chrome calls itself Safari. */
const BROWSERS = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:HeadlessChrome|Chrome|CriOS|Chromium)\//, 'Chrome'],
  [/\bVersion\/.*\bSafari\//, 'Safari'],
] as const

/** Android says Linux, too, and an iPhone "like Mac OS X". */
const SYSTEMS = [
  [/\bAndroid\b/, 'Android'],
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
] as const

type Known = readonly (readonly [RegExp, string])[]

const first = (known: Known, agent: string) => known.find(([sign]) => sign.test(agent))?.[1]

/** `Firefox · Linux` for what a browser calls itself; another program as it calls itself, without what stands in brackets. Pure. */
export function deviceOf(agent: string): string {
  const names = [first(BROWSERS, agent), first(SYSTEMS, agent)].filter((name) => name !== undefined)
  return names.length > 0 ? names.join(' · ') : agent.replace(/ ?\(.*/, '')
}

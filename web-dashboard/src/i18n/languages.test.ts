import en from './en.json'
import { preferred } from './index.ts'
import ptBR from './pt-BR.json'

const TEXTS: Record<string, Record<string, string>> = { en, 'pt-BR': ptBR }
const PLURAL = /_(zero|one|two|few|many|other)$/

const FILES = import.meta.glob<string>('../**/*.{ts,tsx}', { query: '?raw', import: 'default', eager: true })
const CODE = Object.entries(FILES)
  .filter(([name]) => !/\.test\.tsx?$/.test(name))
  .map(([, text]) => text)
  .join('\n')

/** Every text's name without its plural form, and the forms that it has. */
function forms(language: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const key of Object.keys(TEXTS[language] ?? {})) {
    const plural = key.match(PLURAL)?.[1]
    const name = key.replace(PLURAL, '')
    found.set(name, [...(found.get(name) ?? []), ...(plural ? [plural] : [])])
  }
  return found
}

test('both languages have the same texts', () => {
  expect([...forms('pt-BR').keys()].sort()).toEqual([...forms('en').keys()].sort())
})

test.each(Object.keys(TEXTS))('%s has all plural forms that it needs', (language) => {
  const needed = new Intl.PluralRules(language).resolvedOptions().pluralCategories
  for (const [name, has] of forms(language)) {
    if (has.length > 0) expect([name, has.sort()]).toEqual([name, [...needed].sort()])
  }
})

test('no text is empty, and each has the same blanks in both languages', () => {
  const blanks = (text: string) => [...text.matchAll(/\{\{(\w+)/g)].map((match) => match[1]).sort()
  for (const [key, text] of Object.entries(ptBR)) {
    expect(text.trim()).not.toBe('')
    const twin = TEXTS.en?.[key] ?? TEXTS.en?.[key.replace(PLURAL, '_other')] ?? ''
    expect([key, blanks(text)]).toEqual([key, blanks(twin)])
  }
})

test('every text is used', () => {
  const unused = [...forms('en').keys()].filter((name) => !CODE.includes(`'${name}'`))
  expect(unused).toEqual([])
})

test('every text that the code asks for is there', () => {
  const asked = [...CODE.matchAll(/\bt\('([^']+)'/g)].map((match) => match[1] ?? '')
  expect(asked.length).toBeGreaterThan(100)
  expect(asked.filter((name) => !forms('en').has(name))).toEqual([])
})

test('the language is the one chosen, else one that the browser asks for, else English', () => {
  expect(preferred('pt-BR', ['en'])).toBe('pt-BR')
  expect(preferred('tlh', ['de', 'pt-PT', 'en'])).toBe('pt-BR')
  expect(preferred(null, ['de'])).toBe('en')
})

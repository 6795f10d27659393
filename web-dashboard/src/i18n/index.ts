import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import type en from './en.json'
import { keepSentences } from './sentences.ts'

export const LANGUAGES = { en: 'English', 'pt-BR': 'Português (Brasil)' } as const
export type Language = keyof typeof LANGUAGES
export type Key = keyof typeof en

/** Only what is spoken is loaded: with each page that is built the texts of both would weigh more than its code. */
const TEXTS: Record<Language, () => Promise<Record<string, string>>> = {
  en: async () => (await import('./en.json')).default,
  'pt-BR': async () => {
    const [texts, errors] = await Promise.all([import('./pt-BR.json'), import('./errors.pt-BR.json')])
    keepSentences('pt-BR', errors.default)
    return texts.default
  },
}

const STORED = 'cluster-ai.language'

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'translation'
    keySeparator: false
    nsSeparator: false
    resources: { translation: typeof en }
  }
}

export function isLanguage(text: string | null): text is Language {
  return text !== null && text in LANGUAGES
}

/** The language chosen last time, else the first that the browser asks for and we have, else English. */
export function preferred(stored: string | null, asked: readonly string[]): Language {
  if (isLanguage(stored)) return stored
  for (const tag of asked) {
    if (tag.toLowerCase().startsWith('pt')) return 'pt-BR'
    if (tag.toLowerCase().startsWith('en')) return 'en'
  }
  return 'en'
}

export function readStored(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

export function writeStored(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch {
    // Storage is full or switched off: the choice lasts until the tab closes.
  }
}

/** Drops all that is stored under keys that begin so. */
export function dropStored(beginning: string): void {
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(beginning)) localStorage.removeItem(key)
  } catch {
    // Storage is switched off: nothing is kept.
  }
}

export async function startLanguages(): Promise<void> {
  const language = preferred(readStored(STORED), navigator.languages)
  document.documentElement.lang = language
  await i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: false,
    resources: { [language]: { translation: await TEXTS[language]() } },
    keySeparator: false,
    nsSeparator: false,
    interpolation: { escapeValue: false },
    returnNull: false,
  })
}

export async function changeLanguage(language: Language): Promise<void> {
  if (!i18next.hasResourceBundle(language, 'translation')) {
    i18next.addResourceBundle(language, 'translation', await TEXTS[language]())
  }
  writeStored(STORED, language)
  document.documentElement.lang = language
  await i18next.changeLanguage(language)
}

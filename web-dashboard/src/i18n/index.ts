import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import en from './en.json'
import ptBR from './pt-BR.json'

export const LANGUAGES = { en: 'English', 'pt-BR': 'Português (Brasil)' } as const
export type Language = keyof typeof LANGUAGES
export type Key = keyof typeof en

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

export async function startLanguages(): Promise<void> {
  const language = preferred(readStored(STORED), navigator.languages)
  document.documentElement.lang = language
  await i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: 'en',
    resources: { en: { translation: en }, 'pt-BR': { translation: ptBR } },
    keySeparator: false,
    nsSeparator: false,
    interpolation: { escapeValue: false },
    returnNull: false,
  })
}

export async function changeLanguage(language: Language): Promise<void> {
  writeStored(STORED, language)
  document.documentElement.lang = language
  await i18next.changeLanguage(language)
}

import '@testing-library/jest-dom/vitest'
import { cleanup, configure } from '@testing-library/react'
import i18next from 'i18next'
import errors from '../i18n/errors.pt-BR.json'
import { startLanguages } from '../i18n/index.ts'
import ptBR from '../i18n/pt-BR.json'
import { keepSentences } from '../i18n/sentences.ts'

// Of a machine that does much else: only what never comes waits for so long.
configure({ asyncUtilTimeout: 10_000 })

// Parts of a browser that jsdom lacks and Mantine asks for.
window.matchMedia ??= (query: string) =>
  ({
    matches: false,
    media: query,
    addEventListener: () => {},
    removeEventListener: () => {},
    addListener: () => {},
    removeListener: () => {},
    dispatchEvent: () => false,
    onchange: null,
  }) as MediaQueryList
window.ResizeObserver ??= class {
  observe() {}
  unobserve() {}
  disconnect() {}
}
window.scrollTo = () => {}
// A text area that grows asks for this one.
if (!('fonts' in document)) {
  Object.defineProperty(document, 'fonts', {
    value: { addEventListener: () => {}, removeEventListener: () => {} },
  })
}
Element.prototype.scrollIntoView ??= () => {}

beforeAll(async () => {
  await startLanguages()
  // Tests speak the other one at once, too.
  i18next.addResourceBundle('pt-BR', 'translation', ptBR)
  keepSentences('pt-BR', errors)
})
beforeEach(async () => {
  localStorage.clear()
  await i18next.changeLanguage('en')
})
afterEach(cleanup)

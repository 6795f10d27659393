import { localStorageColorSchemeManager } from '@mantine/core'

/** `public/before.js` reads the same key before the first paint. */
export const schemeStore = localStorageColorSchemeManager({ key: 'cluster-ai.theme' })

import './app/font.css'
import '@mantine/core/styles.layer.css'
import '@mantine/spotlight/styles.layer.css'
import './app/tokens.css'
import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { setNonce } from 'get-nonce'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { queries } from './api/session.ts'
import { createAppRouter } from './app/router.tsx'
import { schemeStore } from './app/scheme.ts'
import { resolver, theme } from './app/theme.ts'
import { startLanguages } from './i18n/index.ts'
import { Notices } from './ui/notices.tsx'

/** The page's policy lets only style tags through that carry this answer's nonce. */
const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? ''
setNonce(nonce)

await startLanguages()
const root = document.getElementById('root')
if (!root) throw new Error('the page has no root')
createRoot(root).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      cssVariablesResolver={resolver}
      colorSchemeManager={schemeStore}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={queries}>
        <Notices>
          <RouterProvider router={createAppRouter()} />
        </Notices>
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)

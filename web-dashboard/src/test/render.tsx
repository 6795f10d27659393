import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { createMemoryHistory, RouterContextProvider } from '@tanstack/react-router'
import { render } from '@testing-library/react'
import type { ReactNode } from 'react'
import { BEFORE, type Live, type LiveState } from '../api/live.ts'
import { meQuery, queries } from '../api/session.ts'
import type { Me } from '../api/types.ts'
import { LiveContext } from '../api/useLive.ts'
import { Dialogs } from '../app/dialogs.tsx'
import { createAppRouter } from '../app/router.tsx'
import { theme } from '../app/theme.ts'
import { Notices } from '../ui/notices.tsx'
import { me } from './fixtures.ts'

/** A live stream that stands still. */
export function still(state: Partial<LiveState>): Live {
  const held = { ...BEFORE, ...state }
  return {
    subscribe: () => () => {},
    snapshot: () => held,
    retryNow: () => {},
    hear: () => () => {},
  } as unknown as Live
}

/** Shows `page` as somebody who is signed in sees it, over a picture that stands still. */
export function show(page: ReactNode, state: Partial<LiveState> = {}, who: Me = me()) {
  queries.setQueryData(meQuery.queryKey, who)
  return render(
    <MantineProvider theme={theme} env="test">
      <QueryClientProvider client={queries}>
        <Notices>
          <LiveContext value={still(state)}>
            <RouterContextProvider router={createAppRouter(createMemoryHistory())}>
              <Dialogs>{page}</Dialogs>
            </RouterContextProvider>
          </LiveContext>
        </Notices>
      </QueryClientProvider>
    </MantineProvider>,
  )
}

import { useMutation } from '@tanstack/react-query'
import { createContext, type ReactNode, useContext, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { NodeOutcome } from '../../api/types.ts'
import { Failure } from '../../ui/Failure.tsx'
import { Icon } from '../../ui/icons.tsx'
import { useSay } from '../../ui/notices.tsx'
import ui from '../../ui/ui.module.css'

/** What is asked in a dialog before it is done. */
export type ModelAsk =
  | { kind: 'pull'; model: string; nodes: readonly string[] }
  | { kind: 'remove'; model: string; nodes: readonly string[]; everywhere: boolean }
  | { kind: 'rename'; model: string }
  | { kind: 'cancel'; pullId: string; model: string; nodes: readonly string[] }
  | { kind: 'updates' }

type Deed = () => Promise<readonly NodeOutcome[]>

interface ActsApi {
  /** Whether the API would let this person change anything here. */
  may: boolean
  isPending: boolean
  run: (deed: Deed, done: string) => void
  ask: (ask: ModelAsk) => void
  /** Why the last deed was not done, or not everywhere. */
  trouble: ReactNode
}

const Context = createContext<ActsApi>({
  may: false,
  isPending: false,
  run: () => {},
  ask: () => {},
  trouble: null,
})

export function useActs(): ActsApi {
  return useContext(Context)
}

interface Props {
  may: boolean
  onAsk: (ask: ModelAsk) => void
  children: ReactNode
}

/** Does at once what needs no question, one thing at a time, and says what became of it. */
export function Acts({ may, onAsk, children }: Props) {
  const say = useSay()
  const [left, setLeft] = useState<readonly NodeOutcome[]>([])
  const { mutate, isPending, error } = useMutation({
    mutationFn: ({ deed }: { deed: Deed; done: string }) => deed(),
    onMutate: () => setLeft([]),
    onSuccess: (outcomes, { done }) => {
      setLeft(outcomes)
      if (outcomes.length === 0) say(done)
    },
  })
  const value = useMemo(
    () => ({
      may,
      isPending,
      run: (deed: Deed, done: string) => mutate({ deed, done }),
      ask: onAsk,
      trouble: error ? <Failure error={error} /> : left.length > 0 ? <LeftOut left={left} /> : null,
    }),
    [may, isPending, error, left, mutate, onAsk],
  )
  return <Context value={value}>{children}</Context>
}

/** Nodes at which it was not done, though it was at others. */
function LeftOut({ left }: { left: readonly NodeOutcome[] }) {
  const { t } = useTranslation()
  return (
    <div className={ui.failure} data-tone="warn" role="alert">
      <Icon name="warning" />
      <div>
        <p>
          <strong>{t('models.left', { count: left.length })}</strong>
        </p>
        {left.map((one) => (
          <p key={one.node}>
            {one.node}: <span lang="en">{one.error}</span>
          </p>
        ))}
      </div>
    </div>
  )
}

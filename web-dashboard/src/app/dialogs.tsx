import { createContext, lazy, type ReactNode, Suspense, useContext, useMemo, useState } from 'react'

/** What can be asked in a dialog. */
export type Ask =
  | { kind: 'password' | 'second-factor' }
  | { kind: 'restart'; part: string }
  | { kind: 'workers' }
  | { kind: 'remove-machine'; name: string }
  | WorkAsk

/** What can be asked about plans, tickets, objectives and freezes. */
export type WorkAsk =
  | { kind: 'cancel-plan' | 'replay-plan' | 'forget-plan'; planId: string; name: string }
  | { kind: 'verify-plan'; planId: string }
  | { kind: 'cancel-ticket' | 'hold-ticket'; ticketId: string; name: string; tag: string }
  | { kind: 'remove-slo'; sloId: string }
  | { kind: 'silence'; sloId: string }
  | { kind: 'override' | 'lift'; eventId: string; sloId: string }

interface DialogsApi {
  open: (ask: Ask) => void
}

const Context = createContext<DialogsApi>({ open: () => {} })

export function useDialogs(): DialogsApi {
  return useContext(Context)
}

const Opened = lazy(() => import('./OpenedDialog.tsx'))

/** One dialog at a time; loaded when first asked for. */
export function Dialogs({ children }: { children: ReactNode }) {
  const [ask, setAsk] = useState<Ask | null>(null)
  const value = useMemo(() => ({ open: setAsk }), [])
  return (
    <Context value={value}>
      {children}
      {ask ? (
        <Suspense fallback={null}>
          <Opened key={JSON.stringify(ask)} ask={ask} onClose={() => setAsk(null)} />
        </Suspense>
      ) : null}
    </Context>
  )
}

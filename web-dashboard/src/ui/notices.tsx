import { createContext, type ReactNode, useCallback, useContext, useRef, useState } from 'react'
import css from './ui.module.css'

const SHOWN_MS = 5000

const Say = createContext<(text: string) => void>(() => {})

/** Says that something was done: shown for a moment and read out. */
export function useSay(): (text: string) => void {
  return useContext(Say)
}

export function Notices({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<readonly { id: number; text: string }[]>([])
  const next = useRef(0)
  const say = useCallback((text: string) => {
    const id = next.current++
    setShown((before) => [...before.slice(-2), { id, text }])
    setTimeout(() => setShown((before) => before.filter((one) => one.id !== id)), SHOWN_MS)
  }, [])
  return (
    <Say value={say}>
      {children}
      <div className={css.notices} role="status">
        {shown.map((one) => (
          <div key={one.id} className={css.notice}>
            {one.text}
          </div>
        ))}
      </div>
    </Say>
  )
}

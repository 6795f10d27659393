import type { ReactNode } from 'react'
import { Coded } from './Coded.tsx'
import { Icon, type IconName } from './icons.tsx'
import css from './ui.module.css'

interface PanelProps {
  /** Anchor that the palette jumps to. */
  id: string
  icon: IconName
  title: string
  note?: ReactNode
  end?: ReactNode
  /** Lets the content reach the panel's edges, as tables do. */
  flush?: boolean
  children: ReactNode
}

/** A titled region of a page. */
export function Panel({ id, icon, title, note, end, flush = false, children }: PanelProps) {
  return (
    <section className={css.panel} id={id} aria-labelledby={`${id}-title`} tabIndex={-1}>
      <header className={css.panelHead}>
        <Icon name={icon} />
        <h2 id={`${id}-title`}>{title}</h2>
        {note ? <span className={css.panelNote}>{note}</span> : null}
        {end ? <div className={css.panelEnd}>{end}</div> : null}
      </header>
      <div className={`${css.panelBody} ${flush ? css.flush : ''}`}>{children}</div>
    </section>
  )
}

/** Why there is nothing to see, and what would change that. */
export function Empty({ title, children }: { title: string; children?: string }) {
  return (
    <div className={css.empty}>
      <strong>{title}</strong>
      {children ? (
        <span>
          <Coded text={children} />
        </span>
      ) : null}
    </div>
  )
}

import type { ReactNode } from 'react'
import css from './ui.module.css'

interface PageHeadProps {
  /** The way back up, a link. */
  up?: ReactNode
  title: ReactNode
  /** Stands beside the title: a state, say. */
  tag?: ReactNode
  /** One line below it. */
  note?: ReactNode
  /** Buttons. */
  children?: ReactNode
}

/** Title of a page, what it is part of, and what can be done here. */
export function PageHead({ up, title, tag, note, children }: PageHeadProps) {
  return (
    <header className={css.pageHead}>
      <div className={css.pageTitle}>
        {up ? <div className={css.pageUp}>{up}</div> : null}
        <div className={css.pageLine}>
          <h1>{title}</h1>
          {tag}
        </div>
        {note ? <p className={css.pageNote}>{note}</p> : null}
      </div>
      {children ? <div className={css.pageActs}>{children}</div> : null}
    </header>
  )
}

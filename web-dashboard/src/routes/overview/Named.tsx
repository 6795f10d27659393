import css from './overview.module.css'

/** A thing's name and, smaller, where it is. */
export function Named({ name, note }: { name: string; note?: string }) {
  return (
    <span className={css.named}>
      <strong>{name}</strong>
      {note ? <span className={css.namedNote}>{note}</span> : null}
    </span>
  )
}

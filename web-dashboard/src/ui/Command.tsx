import { CopyText } from './CopyText.tsx'
import css from './ui.module.css'

/** A command to type elsewhere, and a button that copies it. */
export function Command({ value }: { value: string }) {
  return (
    <>
      <code className={css.command}>{value}</code>
      <CopyText value={value} />
    </>
  )
}

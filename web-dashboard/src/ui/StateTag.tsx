import { useTranslation } from 'react-i18next'
import { Icon } from './icons.tsx'
import type { Look } from './states.ts'
import css from './ui.module.css'

/** A state as icon, word and colour. */
export function StateTag({ look, plain = false }: { look: Look; plain?: boolean }) {
  const { t } = useTranslation()
  return (
    <span className={plain ? css.plainTag : css.tag} data-tone={look.tone}>
      <Icon name={look.icon} size={14} />
      {t(look.word)}
    </span>
  )
}

import { useTranslation } from 'react-i18next'
import { changeLanguage, LANGUAGES, type Language } from '../i18n/index.ts'
import css from './frame.module.css'

export function LanguageSwitch() {
  const { t, i18n } = useTranslation()
  return (
    <fieldset className={css.languages} aria-label={t('account.language')}>
      {(Object.entries(LANGUAGES) as [Language, string][]).map(([tag, name]) => (
        <button
          key={tag}
          type="button"
          lang={tag}
          aria-pressed={i18n.language === tag}
          onClick={() => void changeLanguage(tag)}
        >
          {name}
        </button>
      ))}
    </fieldset>
  )
}

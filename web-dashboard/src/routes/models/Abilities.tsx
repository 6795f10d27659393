import { useTranslation } from 'react-i18next'
import { abilityKey } from './models.ts'

/** What a model can do, in words. */
export function Abilities({ of: abilities }: { of: readonly string[] }) {
  const { t } = useTranslation()
  const words = abilities.map((one) => {
    const key = abilityKey(one)
    return key ? t(key) : one
  })
  return <span>{words.join(', ') || '–'}</span>
}

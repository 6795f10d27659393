import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { type Format, formatOf } from './format.ts'

export function useFormat(): Format {
  const { i18n } = useTranslation()
  return useMemo(() => formatOf(i18n.language), [i18n.language])
}

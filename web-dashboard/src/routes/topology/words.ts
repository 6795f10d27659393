import { useTranslation } from 'react-i18next'
import { useFormat } from '../../i18n/useFormat.ts'
import { KINDS, type Thing } from './things.ts'

const NOW_SECONDS = 2

/** How things are called, and what goes on at them, in the reader's language. */
export function useThingWords() {
  const { t } = useTranslation()
  const format = useFormat()
  const heard = (age: number | null) => {
    if (age === null) return t('nodes.never')
    if (age < NOW_SECONDS) return t('topology.heard.now')
    return t('topology.heard', { age: format.duration(Math.round(age)) })
  }
  return {
    name: (thing: Thing): string => thing.name || t(KINDS[thing.kind].word),
    traffic: ({ traffic }: Thing): string => {
      switch (traffic.word) {
        case 'topology.parts':
          return t(traffic.word, { up: traffic.up, total: traffic.total })
        case 'topology.requests':
          return t(traffic.word, { rate: format.number(traffic.rate) })
        case 'topology.flow':
          return t(traffic.word, { inflight: traffic.inflight, speed: format.number(traffic.speed) })
        case 'topology.heard':
          return heard(traffic.age)
        default:
          return t(traffic.word, { count: traffic.count })
      }
    },
  }
}

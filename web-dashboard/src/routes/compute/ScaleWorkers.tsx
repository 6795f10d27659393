import { NumberInput, Text } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { AskFrame } from '../../app/AskFrame.tsx'
import { scaleWorkers } from './compute.ts'

const MOST = 16

/** How many workers this machine shall have in all. `now`: how many it has. */
export function ScaleWorkers({ now, onClose }: { now: number; onClose: () => void }) {
  const { t } = useTranslation()
  const [wanted, setWanted] = useState<number | string>(now)
  const count = Number(wanted)
  const isCount = wanted !== '' && Number.isInteger(count) && count >= 0 && count <= MOST
  return (
    <AskFrame
      title={t('compute.scale.title')}
      submit={t('compute.scale.do')}
      done={t('compute.scale.done', { count })}
      act={() => scaleWorkers(count)}
      ready={isCount && count !== now}
      onClose={onClose}
    >
      <Text size="sm">{t('compute.scale.text')}</Text>
      <NumberInput
        label={t('compute.scale.count')}
        value={wanted}
        onChange={setWanted}
        min={0}
        max={MOST}
        allowDecimal={false}
        data-autofocus
      />
      {isCount && count < now ? (
        <Text size="sm" role="status">
          {t('compute.scale.fewer', { count: now - count })}
        </Text>
      ) : null}
    </AskFrame>
  )
}

import { Skeleton } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { ApiError } from '../api/errors.ts'
import { useLive } from '../api/useLive.ts'
import { Failure } from './Failure.tsx'

/** Before the first live picture: bones as tall as `height`, or why none comes. */
export function Awaited({ height }: { height: number }) {
  const isLost = useLive((state) => state.link === 'lost')
  return isLost ? <Failure error={new ApiError({ status: 0, code: 'network' })} /> : <Bones height={height} />
}

/** Where something will stand. */
export function Bones({ height }: { height: number }) {
  const { t } = useTranslation()
  return (
    <div aria-busy="true" role="status" data-pending>
      <span className="visually-hidden">{t('asked.loading')}</span>
      <Skeleton height={height} radius={12} />
    </div>
  )
}

import { Button } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../i18n/useFormat.ts'
import { Banner } from './Banner.tsx'
import { Failure } from './Failure.tsx'
import css from './ui.module.css'

interface AskedProps<T> {
  query: UseQueryResult<T>
  children: (data: T) => ReactNode
}

/** What came of a question: that it is on its way, why there is no answer, that the answer is old, or the answer. */
export function Asked<T>({ query, children }: AskedProps<T>) {
  const { t } = useTranslation()
  const format = useFormat()
  const { data, error, dataUpdatedAt } = query
  const again = () => void query.refetch()
  if (data === undefined && error) {
    return (
      <div className={css.asked}>
        <Failure error={error} />
        <Button variant="default" size="compact-sm" onClick={again} loading={query.isFetching}>
          {t('action.try_again')}
        </Button>
      </div>
    )
  }
  if (data === undefined) {
    return (
      <p className={css.loading} role="status" data-pending>
        {t('asked.loading')}
      </p>
    )
  }
  return (
    <>
      <div role="status" className={css.news}>
        {error ? (
          <Banner
            icon="clock"
            text={t('asked.stale', { time: format.time(dataUpdatedAt / 1000) })}
            action={t('action.try_again')}
            onAction={again}
          />
        ) : null}
      </div>
      {children(data)}
    </>
  )
}

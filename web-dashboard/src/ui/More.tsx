import { Button } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Failure } from './Failure.tsx'
import css from './ui.module.css'

interface Pages {
  hasNextPage: boolean
  isFetchingNextPage: boolean
  isFetchNextPageError: boolean
  error: unknown
  fetchNextPage: () => unknown
}

/** Fetches the page that follows, while there is one. */
export function More({ pages }: { pages: Pages }) {
  const { t } = useTranslation()
  if (!pages.hasNextPage) return null
  return (
    <div className={css.more}>
      {pages.isFetchNextPageError ? <Failure error={pages.error} /> : null}
      <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
        {t('action.more')}
      </Button>
    </div>
  )
}

import { useTranslation } from 'react-i18next'
import type { Overview } from '../../api/types.ts'
import { Ago } from '../../ui/Ago.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import css from './compute.module.css'
import { type Notice, noticeLook } from './compute.ts'

/** So many of the latest. */
const MOST = 12

/** Workers that were sent away, and what happened lately; nothing when there is neither. */
export function NoticesPanel({ compute }: { compute: Overview['compute'] }) {
  const { t } = useTranslation()
  const { refused } = compute
  const latest = compute.notices.slice(-MOST).reverse()
  if (refused.length === 0 && latest.length === 0) return null
  return (
    <Panel id="notices" icon="bell" title={t('compute.notices')}>
      {refused.length > 0 ? (
        <ul className={css.notices}>
          {refused.map((one) => (
            <li key={one.name} data-tone="bad" className={css.refused}>
              <strong>{t('compute.refused', { name: one.name })}</strong>
              <span lang="en">{one.why}</span>
            </li>
          ))}
        </ul>
      ) : null}
      <ul className={css.notices}>
        {latest.map((notice) => (
          <One key={notice.number} notice={notice} />
        ))}
      </ul>
    </Panel>
  )
}

function One({ notice }: { notice: Notice }) {
  const { t } = useTranslation()
  const look = noticeLook(notice.kind)
  return (
    <li>
      {look ? <StateTag look={look} plain /> : <span>{notice.kind}</span>}
      <span className="mono">{notice.subject}</span>
      {notice.detail ? <span lang="en">{notice.detail}</span> : null}
      {notice.count > 1 ? <span>{t('compute.times', { count: notice.count })}</span> : null}
      <span className={ui.note}>
        <Ago at={notice.at} />
      </span>
    </li>
  )
}

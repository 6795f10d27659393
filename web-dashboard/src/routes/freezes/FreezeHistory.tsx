import { useInfiniteQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Asked } from '../../ui/Asked.tsx'
import { More } from '../../ui/More.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { FreezeList } from './FreezeList.tsx'
import { historyQuery } from './queries.ts'

/** Freezes that were and are, the newest first; of one objective when it is named. */
export function FreezeHistory({ sloId = '' }: { sloId?: string }) {
  const { t } = useTranslation()
  const pages = useInfiniteQuery(historyQuery(sloId))
  const all = pages.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Panel id="freeze-history" icon="clock" title={sloId ? t('freezes.of') : t('freezes.history')} flush>
      <div className={ui.pad}>
        <Asked query={pages}>
          {() =>
            all.length === 0 ? (
              <div className={ui.outdent}>
                <Empty title={t('freezes.never')} />
              </div>
            ) : (
              // What holds now stands above with what can be done about it, where all are listed.
              <FreezeList freezes={all} mayAct={sloId !== ''} />
            )
          }
        </Asked>
      </div>
      <More pages={pages} />
    </Panel>
  )
}

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { freezesQuery } from '../../app/freezes.ts'
import { useTitle } from '../../app/useTitle.ts'
import { Asked } from '../../ui/Asked.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { FreezeHistory } from './FreezeHistory.tsx'
import { FreezeList } from './FreezeList.tsx'
import { PoliciesPanel } from './PoliciesPanel.tsx'

/** What is frozen now and why, what was, and what would freeze something. */
export function FreezesPage() {
  const { t } = useTranslation()
  useTitle(t('freezes.heading'))
  const active = useQuery(freezesQuery)
  return (
    <>
      <PageHead
        up={
          <Link to="/objectives" className={ui.link}>
            {t('nav.objectives')}
          </Link>
        }
        title={t('freezes.heading')}
        note={t('freezes.text')}
      />
      <div className={ui.stack}>
        <Panel id="freezes" icon="frost" title={t('freezes.now')} flush>
          <div className={ui.pad}>
            <Asked query={active}>
              {(freezes) =>
                freezes.length === 0 ? (
                  <div className={ui.outdent}>
                    <Empty title={t('freezes.none')}>{t('freezes.none.hint')}</Empty>
                  </div>
                ) : (
                  <FreezeList freezes={freezes} />
                )
              }
            </Asked>
          </div>
        </Panel>
        <PoliciesPanel />
        <FreezeHistory />
      </div>
    </>
  )
}

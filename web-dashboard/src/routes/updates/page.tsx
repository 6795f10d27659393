import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { Updates } from '../../api/types.ts'
import { useTitle } from '../../app/useTitle.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Ago } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { Facts } from '../../ui/Facts.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { LastPanel } from './LastPanel.tsx'
import { StepsPanel } from './StepsPanel.tsx'
import css from './updates.module.css'
import { others, STAND, standOf, updatesQuery } from './updates.ts'

/** Which version of the program runs on this head, which could, and how the last try went. */
export function UpdatesPage() {
  const { t } = useTranslation()
  useTitle(t('nav.updates'))
  const updates = useQuery(updatesQuery)
  return (
    <>
      <PageHead
        title={t('nav.updates')}
        note={t('updates.text')}
        tag={updates.data ? <StateTag look={STAND[standOf(updates.data)]} /> : undefined}
      />
      <div className={ui.stack}>
        <Asked query={updates}>
          {(view) => (
            <div className={ui.stack}>
              <ProgramPanel view={view} />
              <StepsPanel view={view} />
              <LastPanel last={view.last} />
            </div>
          )}
        </Asked>
      </div>
    </>
  )
}

function ProgramPanel({ view }: { view: Updates }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { available } = view
  return (
    <Panel id="program" icon="download" title={t('updates.program')}>
      <div className={css.text}>
        <p>{t(WORDS[standOf(view)])}</p>
        {view.problem ? <p lang="en">{view.problem}</p> : null}
        <Facts
          facts={[
            [t('updates.runs'), view.version],
            [t('updates.current'), view.current],
            [t('updates.offer'), available?.version],
            [t('updates.offer.name'), available?.name],
            [t('updates.offer.size'), available ? format.bytes(available.size) : null],
            [t('updates.beside'), others(view).join(', ')],
            [t('updates.checked'), view.checked_at ? <Ago key="checked" at={view.checked_at} /> : null],
          ]}
        />
      </div>
    </Panel>
  )
}

/** The stand as a sentence that says what follows from it. */
const WORDS = {
  checkout: 'updates.checkout',
  going_on: 'updates.going_on',
  failed_offer: 'updates.failed_offer',
  offer: 'updates.there',
  problem: 'updates.problem',
  newest: 'updates.newest',
  not_looked: 'updates.not_looked',
  no_source: 'updates.no_source',
} as const

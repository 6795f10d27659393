import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { DoctorFound } from '../../api/types.ts'
import { useTitle } from '../../app/useTitle.ts'
import type { Language } from '../../i18n/index.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Ago } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { Command } from '../../ui/Command.tsx'
import { Icon } from '../../ui/icons.tsx'
import { PageHead } from '../../ui/PageHead.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import css from './doctor.module.css'
import { canMend, doctorQuery, having } from './doctor.ts'
import { FindingList, FineList } from './FindingList.tsx'

/** What is wrong on this head, from what that is known, and what mends it. */
export function DoctorPage() {
  const { t } = useTranslation()
  useTitle(t('nav.doctor'))
  const { data: me } = useQuery(meQuery)
  return reaches(me?.user.role, 'operator') ? (
    <Everything />
  ) : (
    <>
      <PageHead title={t('nav.doctor')} note={t('doctor.text')} />
      <Panel id="findings" icon="pulse" title={t('doctor.findings')} flush>
        <Empty title={t('doctor.not')} />
      </Panel>
    </>
  )
}

function Everything() {
  const { t, i18n } = useTranslation()
  const found = useQuery(doctorQuery(i18n.language as Language))
  return (
    <>
      <PageHead title={t('nav.doctor')} note={t('doctor.text')}>
        <Button onClick={() => void found.refetch()} loading={found.isFetching}>
          {t('doctor.again')}
        </Button>
      </PageHead>
      <Asked query={found}>
        {(view) => (
          <div className={ui.stack}>
            <Summary view={view} />
            <FindingList verdict="problem" checks={view.checks} />
            <FindingList verdict="warning" checks={view.checks} />
            <FineList checks={view.checks} />
            <Lines mends={canMend(view.checks)} />
          </div>
        )}
      </Asked>
    </>
  )
}

/** One sentence, and when and at what it was looked. */
function Summary({ view }: { view: DoctorFound }) {
  const { t } = useTranslation()
  const format = useFormat()
  const problems = having('problem', view.checks).length
  const warnings = having('warning', view.checks).length
  const tone = problems > 0 ? 'bad' : warnings > 0 ? 'warn' : 'ok'
  return (
    <div className={css.summary} data-tone={tone} role="status">
      <Icon name={tone === 'ok' ? 'check' : 'warning'} />
      <div>
        <p>
          <strong>
            {tone === 'ok'
              ? t('doctor.well')
              : [
                  problems > 0 ? t('doctor.count.problems', { count: problems }) : '',
                  warnings > 0 ? t('doctor.count.warnings', { count: warnings }) : '',
                ]
                  .filter(Boolean)
                  .join(' · ')}
          </strong>
        </p>
        <p className={css.when}>
          {t('doctor.looked')} <Ago at={view.at} />, {t('doctor.took', { time: format.duration(view.took) })}
          {` · Cluster AI ${view.version} · Python ${view.python} · ${view.system}`}
        </p>
      </div>
    </div>
  )
}

function Lines({ mends }: { mends: boolean }) {
  const { t } = useTranslation()
  return (
    <Panel id="lines" icon="play" title={t('doctor.lines')}>
      <ul className={ui.lines}>
        {mends ? (
          <li>
            <p>{t('doctor.lines.safe')}</p>
            <Command value="cluster-ai doctor --fix safe" />
          </li>
        ) : null}
        <li>
          <p>{t('doctor.lines.bundle')}</p>
          <Command value="cluster-ai doctor --bundle report.tar.gz" />
        </li>
      </ul>
    </Panel>
  )
}

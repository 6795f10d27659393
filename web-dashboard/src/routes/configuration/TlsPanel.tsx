import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { TlsTold } from '../../api/types.ts'
import { Asked } from '../../ui/Asked.tsx'
import { Command } from '../../ui/Command.tsx'
import { Facts } from '../../ui/Facts.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import type { Look } from '../../ui/states.ts'
import ui from '../../ui/ui.module.css'
import css from './configuration.module.css'
import { tlsQuery } from './configuration.ts'

const GOOD: Look = { tone: 'ok', icon: 'check', word: 'tls.good' }
const DUE: Look = { tone: 'warn', icon: 'clock', word: 'tls.due' }
const ENDED: Look = { tone: 'bad', icon: 'cross', word: 'tls.ended' }

/** Whom machines of this cluster trust, and until when. */
export function TlsPanel() {
  const { t } = useTranslation()
  const tls = useQuery(tlsQuery)
  return (
    <Panel id="tls" icon="key" title={t('tls.title')}>
      <Asked query={tls}>
        {({ authority, certificate }) =>
          authority || certificate ? (
            <div className={css.certificates}>
              {authority ? <Certificate title={t('tls.authority')} one={authority} due={ENDED} /> : null}
              {certificate ? <Certificate title={t('tls.certificate')} one={certificate} due={DUE} /> : null}
            </div>
          ) : (
            <div className={ui.outdent}>
              <Empty title={t('tls.none')}>{t('tls.none.hint')}</Empty>
              <div className={ui.pad}>
                <Command value="cluster-ai node open" />
              </div>
            </div>
          )
        }
      </Asked>
    </Panel>
  )
}

interface CertificateProps {
  title: string
  one: NonNullable<TlsTold['authority']>
  /** What it means that its time is up. */
  due: Look
}

function Certificate({ title, one, due }: CertificateProps) {
  const { t, i18n } = useTranslation()
  const day = new Intl.DateTimeFormat(i18n.language, { dateStyle: 'medium' })
  return (
    <section>
      <h3 className={css.heading}>
        {title} <StateTag look={one.due ? due : GOOD} />
      </h3>
      <Facts
        facts={[
          [t('column.name'), one.name],
          [t('tls.until'), day.format(1000 * one.not_after)],
          [t('tls.names'), one.names.filter((name) => !name.includes('://')).join(', ')],
          [
            t('tls.fingerprint'),
            <code key="print" className={`mono ${css.print}`}>
              {one.fingerprint}
            </code>,
          ],
        ]}
      />
    </section>
  )
}

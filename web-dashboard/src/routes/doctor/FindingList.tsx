import { useTranslation } from 'react-i18next'
import type { Finding } from '../../api/types.ts'
import { Command } from '../../ui/Command.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import css from './doctor.module.css'
import { FIX, having, lineOf, VERDICT } from './doctor.ts'

const TITLE = { problem: 'doctor.problems', warning: 'doctor.warnings' } as const

interface Props {
  verdict: 'problem' | 'warning'
  checks: readonly Finding[]
}

/** What is wrong, what was seen of it, who mends it and with which line; nothing when nothing is. */
export function FindingList({ verdict, checks }: Props) {
  const { t } = useTranslation()
  const found = having(verdict, checks)
  if (found.length === 0) return null
  return (
    <Panel
      id={verdict}
      icon={VERDICT[verdict].icon}
      title={t(TITLE[verdict])}
      note={t('count.of', { count: found.length })}
    >
      <ul className={css.findings}>
        {found.map((one) => (
          <One key={`${one.id} ${one.code} ${one.evidence}`} finding={one} />
        ))}
      </ul>
    </Panel>
  )
}

function One({ finding }: { finding: Finding }) {
  const { t } = useTranslation()
  const { id, verdict, evidence, hint, code, fix } = finding
  const line = lineOf(finding)
  return (
    <li data-tone={VERDICT[verdict].tone}>
      <p className={css.head}>
        <span className={css.mark}>
          <Icon name={VERDICT[verdict].icon} size={15} />
          <strong>{id}</strong>
        </span>
        <span className={css.evidence}>{evidence}</span>
      </p>
      {hint && hint !== line ? <p>{hint}</p> : null}
      {line ? (
        <div className={css.line}>
          <Command value={line} />
        </div>
      ) : null}
      <p className={ui.note}>
        {code ? <span className="mono">{code}</span> : null}
        {fix ? ` · ${t(FIX[fix])}` : null}
      </p>
    </li>
  )
}

/** What was looked at and is well. */
export function FineList({ checks }: { checks: readonly Finding[] }) {
  const { t } = useTranslation()
  const fine = having('ok', checks)
  if (fine.length === 0) return null
  return (
    <Panel id="fine" icon="check" title={t('doctor.fine')} note={t('count.of', { count: fine.length })}>
      <dl className={css.fine}>
        {fine.map((one) => (
          <div key={`${one.id} ${one.evidence}`}>
            <dt>
              <span className={css.ok}>
                <Icon name="check" size={13} />
              </span>
              {one.id}
            </dt>
            <dd>{one.evidence}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  )
}

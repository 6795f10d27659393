import { useTranslation } from 'react-i18next'
import type { Overview } from '../../api/types.ts'
import { STALE_SECONDS, useAge } from '../../api/useLive.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Icon, type IconName } from '../../ui/icons.tsx'
import { type Verdict, verdictOf } from './health.ts'
import css from './overview.module.css'

const ICONS: Record<string, IconName> = { ok: 'check', warn: 'warning', bad: 'cross' }

/** One sentence that says how the cluster is, and under it what is wrong. */
export function Health({ overview }: { overview: Overview }) {
  const { t } = useTranslation()
  const verdict = verdictOf(overview)
  const age = useAge()
  // An old picture is not shown in the colour of a good one.
  const tone = age !== null && age > STALE_SECONDS ? 'idle' : verdict.tone
  return (
    <header className={css.health}>
      <div className={css.healthHead}>
        <span className={css.healthIcon} data-tone={tone}>
          <Icon name={ICONS[tone] ?? 'clock'} size={24} />
        </span>
        <div>
          <h1 aria-live="polite">{useSentence(verdict)}</h1>
          <Facts overview={overview} />
        </div>
      </div>
      {verdict.troubles.length > 0 ? (
        <ul className={css.troubles} aria-label={t('health.troubles')}>
          {verdict.troubles.map((trouble) => (
            <li key={trouble.code} data-tone={verdict.serves ? 'warn' : 'bad'}>
              <Icon name="warning" size={17} />
              <div>
                <strong>{t(trouble.word, { subject: trouble.subject })}</strong>
                {trouble.detail ? <p lang="en">{trouble.detail}</p> : null}
              </div>
            </li>
          ))}
        </ul>
      ) : null}
    </header>
  )
}

function useSentence({ serves, troubles }: Verdict): string {
  const { t } = useTranslation()
  const count = troubles.length
  if (count === 0) return t('health.good')
  return serves ? t('health.partial', { count }) : t('health.bad')
}

function Facts({ overview }: { overview: Overview }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { system, nodes, compute } = overview
  const facts = [
    t('facts.nodes', { count: nodes.length }),
    t('facts.workers', { count: compute.workers.length }),
    t('facts.uptime', { age: format.duration(Math.floor(system.uptime_seconds)) }),
    t('facts.version', { version: system.version }),
  ]
  return (
    <p className={css.facts}>
      {facts.map((fact) => (
        <span key={fact}>{fact}</span>
      ))}
    </p>
  )
}

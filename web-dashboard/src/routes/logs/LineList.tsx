import { useTranslation } from 'react-i18next'
import type { LogLine } from '../../api/types.ts'
import { moment } from '../../i18n/moment.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { StateTag } from '../../ui/StateTag.tsx'
import css from './logs.module.css'
import { LEVEL, shown } from './logs.ts'

/** Lines as they were written, the newest first; each opens to what else it says. */
export function LineList({ lines }: { lines: readonly LogLine[] }) {
  const { t } = useTranslation()
  return (
    <ol className={css.lines} aria-label={t('logs.lines')}>
      {lines.map((line) => (
        <Line key={line.number} line={line} />
      ))}
    </ol>
  )
}

/** Its fields in one row, of which the window shows as many as fit. */
const rest = (line: LogLine) =>
  Object.entries(line.fields)
    .map(([name, value]) => `${name}=${shown(value)}`)
    .join(' ')
    .slice(0, 300)

function Line({ line }: { line: LogLine }) {
  const { t } = useTranslation()
  const format = useFormat()
  const when = new Date(line.at * 1000)
  return (
    <li className={css.line} data-level={line.level}>
      <details>
        <summary>
          <time dateTime={when.toISOString()} title={when.toISOString()}>
            {moment(format, line.at, Date.now() / 1000)}
          </time>
          <StateTag look={LEVEL[line.level]} plain />
          <span className={css.part}>{line.part}</span>
          <span className={css.text}>
            {line.text} <span className={css.rest}>{rest(line)}</span>
          </span>
        </summary>
        <dl className={css.fields}>
          {'node' in line.fields ? null : (
            <div>
              <dt>{t('logs.node')}</dt>
              <dd>{line.node}</dd>
            </div>
          )}
          {Object.entries(line.fields).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{shown(value)}</dd>
            </div>
          ))}
        </dl>
      </details>
    </li>
  )
}

import { useTranslation } from 'react-i18next'
import type { Overview, TaskGroup } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import css from './overview.module.css'

/** More functions than this are summed up in one line. */
const MOST = 40

export function TasksPanel({ compute }: { compute: Overview['compute'] }) {
  const { t } = useTranslation()
  const { tasks, reachable } = compute
  return (
    <Panel id="tasks" icon="tasks" title={t('tasks.title')}>
      {tasks.length === 0 ? (
        <div className={ui.outdent}>
          <Empty title={reachable ? t('tasks.none') : t('compute.silent.title')}>
            {reachable ? t('tasks.none.hint') : t('compute.silent.hint')}
          </Empty>
        </div>
      ) : (
        <ul className={css.tasks}>
          {tasks.slice(0, MOST).map((group) => (
            <Group key={group.prefix} group={group} />
          ))}
          {tasks.length > MOST ? (
            <li className={css.quiet}>{t('tasks.more', { count: tasks.length - MOST })}</li>
          ) : null}
        </ul>
      )}
    </Panel>
  )
}

function Group({ group }: { group: TaskGroup }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { finished, processing, waiting, erred } = group
  const total = Math.max(1, finished + processing + waiting + erred)
  const shares = [
    { tone: 'ok', share: finished / total },
    { tone: 'busy', share: processing / total },
    { tone: 'bad', share: erred / total },
  ]
  const count = (value: number) => format.number(value, 0)
  return (
    <li>
      <div className={css.taskHead}>
        <span className="mono">{group.prefix}</span>
        <span>
          {t('tasks.done', { done: count(finished), total: count(finished + processing + waiting + erred) })}
        </span>
      </div>
      <span className={css.bar} aria-hidden="true">
        {shares.map(({ tone, share }) => (
          <span key={tone} data-tone={tone} style={{ width: `${share * 100}%` }} />
        ))}
      </span>
      <div className={css.taskWords}>
        <span>{t('tasks.processing', { count: processing })}</span>
        <span>{t('tasks.waiting', { count: waiting })}</span>
        {erred > 0 ? (
          <span className={css.toned} data-tone="bad">
            {t('tasks.erred', { count: erred })}
          </span>
        ) : null}
      </div>
    </li>
  )
}

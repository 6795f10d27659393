import { useTranslation } from 'react-i18next'
import type { Overview } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Ago } from '../../ui/Ago.tsx'
import { Facts } from '../../ui/Facts.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import { whyNone } from '../machines/share.ts'
import css from './compute.module.css'
import { schedulerLook, sumOf } from './compute.ts'

/** Where Dask's own pages are, behind this sign-in. */
const DASK = '/dask/status'

/** The scheduler, and what it has to give. */
export function SchedulerPanel({ compute }: { compute: Overview['compute'] }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { reachable, workers, here } = compute
  const sum = sumOf(workers)
  const count = (value: number) => format.number(value, 0)
  return (
    <Panel
      id="scheduler"
      icon="node"
      title={t('compute.scheduler')}
      note={<StateTag look={schedulerLook(compute)} />}
      end={reachable ? <DaskLink /> : undefined}
    >
      {reachable ? (
        <Facts
          facts={[
            [t('compute.since'), compute.started_at > 0 ? <Ago key="since" at={compute.started_at} /> : null],
            [t('compute.workers'), count(workers.length)],
            [t('column.threads'), count(sum.threads)],
            [
              t('column.memory'),
              sum.limit > 0
                ? t('memory.of', { used: format.bytes(sum.memory), total: format.bytes(sum.limit) })
                : format.bytes(sum.memory),
            ],
            [t('column.executing'), count(sum.executing)],
            [t('column.ready'), count(sum.ready)],
          ]}
        />
      ) : (
        <div className={css.text}>
          <p>
            <strong>{t('compute.silent.title')}</strong>
          </p>
          {compute.error ? <p lang="en">{compute.error}</p> : null}
          <p className={ui.note}>{t('compute.silent.hint')}</p>
        </div>
      )}
      {reachable ? (
        <p className={`${ui.note} ${css.below}`}>
          <span className="mono">{compute.address}</span> · <Here here={here} />
        </p>
      ) : null}
    </Panel>
  )
}

/** What the settings and the head's machine give workers. */
function Here({ here }: { here: Overview['compute']['here'] }) {
  const { t } = useTranslation()
  const format = useFormat()
  return here.workers > 0
    ? t('compute.here', { count: here.workers, memory: format.bytes(here.memory) })
    : t(whyNone(here.why_none) ?? 'compute.here.none')
}

function DaskLink() {
  const { t } = useTranslation()
  return (
    <a className={css.dask} href={DASK} target="_blank" rel="noopener">
      {t('compute.dask')}
      <Icon name="link" size={14} />
    </a>
  )
}

import { Button } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../../api/client.ts'
import type { Discovery, LeftOut } from '../../api/types.ts'
import { Failure } from '../../ui/Failure.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { FoundList } from './FoundList.tsx'
import css from './found.module.css'
import { foundAgain, foundQuery, outsOf, rowsOf, stagesOf } from './found.ts'

/** All that the head can look at. */
const WHOLE = { networks: [], names: true, ports: '', mdns_seconds: 3 }

/** Machines and services that stand on the head's own networks, looked for when somebody asks. */
export function FoundPanel({ mayAdd }: { mayAdd: boolean }) {
  const { t } = useTranslation()
  const { data, error, isPending } = useQuery(foundQuery)
  const latest = data?.items[0]
  const looking = useMutation({
    mutationFn: (hosts: string[]) =>
      sent(api.POST('/api/v1/discoveries', { body: { ...WHOLE, hosts, deep: hosts.length > 0 } })),
    onSettled: foundAgain,
  })
  const stopping = useMutation({
    mutationFn: (discovery: string) =>
      sent(api.DELETE('/api/v1/discoveries/{discovery}', { params: { path: { discovery } } })),
    onSettled: foundAgain,
  })
  const isRunning = latest?.state === 'running'
  const failure = error ?? looking.error ?? stopping.error
  return (
    <Panel
      id="found"
      icon="search"
      title={t('found.title')}
      end={
        isRunning ? (
          <Button
            size="compact-sm"
            variant="default"
            onClick={() => stopping.mutate(latest.id)}
            loading={stopping.isPending}
          >
            {t('found.stop')}
          </Button>
        ) : (
          <Button
            size="compact-sm"
            onClick={() => looking.mutate([])}
            loading={looking.isPending}
            disabled={!data?.networks.length}
          >
            {latest ? t('found.again') : t('found.look')}
          </Button>
        )
      }
    >
      {failure ? <Failure error={failure} /> : null}
      {isPending ? <p className={css.quiet}>{t('found.loading')}</p> : null}
      {data ? <Where networks={data.networks} leftOut={data.left_out} /> : null}
      {latest ? (
        <>
          <Progress discovery={latest} />
          <Verdict discovery={latest} />
          <FoundList
            rows={rowsOf(data.items)}
            mayAdd={mayAdd}
            onLook={isRunning ? undefined : looking.mutate}
          />
        </>
      ) : null}
    </Panel>
  )
}

function Where({ networks, leftOut }: { networks: readonly string[]; leftOut: readonly LeftOut[] }) {
  const { t } = useTranslation()
  return (
    <div className={css.quiet}>
      <p>{networks.length > 0 ? t('found.text', { networks: networks.join(', ') }) : t('found.nowhere')}</p>
      {outsOf(leftOut).map((one) => (
        <p key={`${one.network}${one.why}`}>
          {t('found.left_out', { network: one.network, why: t(one.why) })}
        </p>
      ))}
    </div>
  )
}

/** Counted by the head: what it has really looked at. */
function Progress({ discovery }: { discovery: Discovery }) {
  const { t } = useTranslation()
  if (discovery.state !== 'running') return null
  return (
    <ul className={css.stages} aria-label={t('found.progress')} aria-live="off">
      {stagesOf(discovery).map((stage) => {
        const text = t(stage.word, { done: stage.done, total: stage.total })
        return (
          <li key={stage.word}>
            <span>{text}</span>
            <span
              className={css.bar}
              role="progressbar"
              aria-label={t('found.progress')}
              aria-valuemin={0}
              aria-valuemax={stage.total}
              aria-valuenow={stage.done}
              aria-valuetext={text}
            >
              <span className={css.barFill} style={{ width: `${(100 * stage.done) / stage.total}%` }} />
            </span>
          </li>
        )
      })}
    </ul>
  )
}

const ENDS = {
  running: 'found.running',
  ended: 'found.ended',
  cancelled: 'found.cancelled',
  out_of_time: 'found.out_of_time',
  failed: 'found.failed',
} as const

function Verdict({ discovery }: { discovery: Discovery }) {
  const { t } = useTranslation()
  const hasFound = discovery.found.length > 0
  const isWhole = discovery.state === 'ended'
  return (
    <>
      <p
        className={css.verdict}
        data-tone={isWhole || discovery.state === 'running' ? undefined : 'warn'}
        role="status"
      >
        {t(ENDS[discovery.state])}
        {discovery.hosts.length > 0 ? ` (${discovery.hosts.join(', ')})` : ''}
      </p>
      {Object.entries(discovery.problems).map(([source, why]) => (
        <p className={css.quiet} key={source}>
          {t('found.problem', { source, why })}
        </p>
      ))}
      {!hasFound && isWhole ? <Empty title={t('found.none')}>{t('found.none.hint')}</Empty> : null}
    </>
  )
}

import { NativeSelect } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { meQuery, reaches } from '../../api/session.ts'
import type { ModelFit } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { Asked } from '../../ui/Asked.tsx'
import { Facts } from '../../ui/Facts.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import type { Look } from '../../ui/states.ts'
import css from './models.module.css'
import { fitQuery, type Picture } from './models.ts'

const CONTEXTS = [2048, 8192, 32_768, 131_072]
const USUAL = 8192

const VERDICT: Record<ModelFit['verdict'], Look> = {
  gpu: { tone: 'ok', icon: 'bolt', word: 'models.fit.gpu' },
  split: { tone: 'warn', icon: 'parts', word: 'models.fit.split' },
  cpu: { tone: 'busy', icon: 'worker', word: 'models.fit.cpu' },
  no: { tone: 'bad', icon: 'cross', word: 'models.fit.no' },
}
const RANK: Record<ModelFit['verdict'], number> = { gpu: 0, split: 1, cpu: 2, no: 3 }

interface Props {
  model: string
  speeds: Picture['speeds']
}

/** Where a model would run and with how long a context, by its header at the registry. */
export function FitPanel({ model, speeds }: Props) {
  const { t } = useTranslation()
  const format = useFormat()
  const { data: me } = useQuery(meQuery)
  const [context, setContext] = useState(USUAL)
  const may = reaches(me?.user.role, 'user')
  const fits = useQuery({ ...fitQuery(model, context), enabled: may })
  return (
    <Panel
      id="model-fit"
      icon="fit"
      title={t('models.fit')}
      end={
        may ? (
          <NativeSelect
            size="xs"
            aria-label={t('models.fit.context')}
            value={String(context)}
            onChange={(event) => setContext(Number(event.currentTarget.value))}
            data={CONTEXTS.map((one) => ({
              value: String(one),
              label: t('models.tokens', { tokens: format.number(one, 0) }),
            }))}
          />
        ) : undefined
      }
    >
      {may ? (
        <Asked query={fits}>{(all) => <Verdicts all={all} speeds={speeds} />}</Asked>
      ) : (
        <Empty title={t('models.fit.not')} />
      )}
    </Panel>
  )
}

function Verdicts({ all, speeds }: { all: Readonly<Record<string, ModelFit>> } & Pick<Props, 'speeds'>) {
  const { t } = useTranslation()
  const format = useFormat()
  const sorted = Object.entries(all).sort(([, one], [, other]) => RANK[one.verdict] - RANK[other.verdict])
  if (sorted.length === 0) return <Empty title={t('models.fit.none')} />
  return (
    <ul className={css.verdicts}>
      {sorted.map(([node, fit]) => {
        const speed = speeds[node]
        return (
          <li key={node} className={css.verdict} aria-label={node}>
            <div className={css.head}>
              <strong>{node}</strong>
              <StateTag look={VERDICT[fit.verdict]} />
            </div>
            <Facts
              facts={[
                [t('models.fit.takes'), format.bytes(fit.total)],
                [
                  t('models.fit.layers'),
                  fit.gpu_blocks > 0
                    ? t('models.fit.of', { part: String(fit.gpu_blocks), all: String(fit.blocks) })
                    : null,
                ],
                [
                  t('models.fit.longest'),
                  fit.largest_context > 0
                    ? t('models.tokens', { tokens: format.number(fit.largest_context, 0) })
                    : null,
                ],
                [t('models.fit.download'), fit.download > 0 ? format.bytes(fit.download) : null],
                [
                  t('models.fit.speed'),
                  speed == null || fit.verdict === 'no'
                    ? null
                    : t('models.fit.tokens_s', { speed: format.number(speed) }),
                ],
              ]}
            />
            {fit.reasons.length > 0 ? (
              <ul className={css.why} lang="en">
                {fit.reasons.map((reason) => (
                  <li key={reason}>{reason}</li>
                ))}
              </ul>
            ) : null}
          </li>
        )
      })}
    </ul>
  )
}

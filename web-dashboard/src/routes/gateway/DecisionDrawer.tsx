import { Drawer } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { ApiError } from '../../api/errors.ts'
import { meQuery, reaches } from '../../api/session.ts'
import type { Decision, GatewayRequest } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { When } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { Facts } from '../../ui/Facts.tsx'
import { Empty } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import css from './gateway.module.css'
import { decisionQuery, PARTS, partsOf, requestQuery, totalOf } from './gateway.ts'

/** Why one call went where it went: every candidate with its expected seconds, part by part. */
export default function DecisionDrawer({ requestId, onClose }: { requestId: string; onClose: () => void }) {
  const { t } = useTranslation()
  const { data: me } = useQuery(meQuery)
  const decision = useQuery(decisionQuery(requestId))
  const isForgotten = decision.error instanceof ApiError && decision.error.status === 404
  const mayRead = reaches(me?.user.role, 'operator')
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size="min(640px, 100vw)"
      title={<strong>{t('gateway.why')}</strong>}
      closeButtonProps={{ 'aria-label': t('action.close') }}
    >
      <div className={ui.drawer}>
        {isForgotten && mayRead ? (
          <Kept requestId={requestId} />
        ) : (
          <Asked query={decision}>{(one) => <Why decision={one} />}</Asked>
        )}
        <p className={ui.note}>
          {t('gateway.request')}: <code className="mono">{requestId}</code>
        </p>
      </div>
    </Drawer>
  )
}

function Why({ decision }: { decision: Decision }) {
  const { t } = useTranslation()
  const format = useFormat()
  const tried = Object.entries(decision.tried)
  return (
    <>
      <Facts
        facts={[
          [t('gateway.model'), decision.model],
          [t('gateway.node'), decision.node || t('gateway.nobody')],
          [t('column.age'), t('time.ago', { age: format.duration(Math.round(decision.age_seconds)) })],
        ]}
      />
      {decision.candidates.length > 0 ? (
        <Scores decision={decision} />
      ) : (
        <Empty title={t('gateway.candidates.none')} />
      )}
      <ul className={css.reasons}>
        {decision.candidates.map((one) => (
          <li key={one.name}>
            <strong>{one.name}</strong>: <span lang="en">{one.why}</span>
          </li>
        ))}
      </ul>
      {tried.length > 0 ? <Tried tried={decision.tried} /> : null}
    </>
  )
}

function Tried({ tried }: { tried: Readonly<Record<string, string>> }) {
  const { t } = useTranslation()
  return (
    <div>
      <strong>{t('gateway.tried')}</strong>
      <ul className={css.reasons}>
        {Object.entries(tried).map(([node, reason]) => (
          <li key={node}>
            {node}: <span lang="en">{reason}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}

const DIGITS = 3

function Scores({ decision }: { decision: Decision }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { candidates, node } = decision
  const chosen = (name: string) => (name === node ? true : undefined)
  return (
    <div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className={css.scroll} tabIndex={0} aria-label={t('gateway.scores')}>
        <table className={css.scores} aria-label={t('gateway.scores')}>
          <thead>
            <tr>
              <th scope="col">{t('gateway.seconds')}</th>
              {candidates.map(({ name }) => (
                <th key={name} scope="col" data-chosen={chosen(name)}>
                  {name === node ? t('gateway.chosen', { name }) : name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {partsOf(candidates).map((part) => {
              const word = PARTS[part]
              return (
                <tr key={part}>
                  <th scope="row">{word ? t(word) : part}</th>
                  {candidates.map((one) => (
                    <td key={one.name} data-chosen={chosen(one.name)}>
                      {format.number(one.score[part], DIGITS)}
                    </td>
                  ))}
                </tr>
              )
            })}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">{t('gateway.total')}</th>
              {candidates.map((one) => (
                <td key={one.name} data-chosen={chosen(one.name)}>
                  {format.number(totalOf(one), DIGITS)}
                </td>
              ))}
            </tr>
          </tfoot>
        </table>
      </section>
      <p className={ui.note}>{t('gateway.scores.note')}</p>
    </div>
  )
}

/** What the log has of a call whose decision is forgotten. */
function Kept({ requestId }: { requestId: string }) {
  const request = useQuery(requestQuery(requestId))
  return <Asked query={request}>{(one) => <KeptFacts request={one} />}</Asked>
}

function KeptFacts({ request }: { request: GatewayRequest }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <>
      <p className={ui.note}>{t('gateway.forgotten')}</p>
      <Facts
        facts={[
          [t('column.time'), <When key="at" at={request.at} />],
          [t('gateway.model'), request.model],
          [t('gateway.node'), request.node || t('gateway.nobody')],
          [t('column.why'), request.why || null],
          [t('gateway.wait'), format.duration(request.queue_seconds)],
          [t('column.ttft'), format.duration(request.ttft_seconds)],
          [t('column.took'), format.duration(request.total_seconds)],
        ]}
      />
      {Object.keys(request.tried).length > 0 ? <Tried tried={request.tried} /> : null}
    </>
  )
}

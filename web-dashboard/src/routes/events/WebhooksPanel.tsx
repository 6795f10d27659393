import { Button } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { createColumnHelper } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../../api/client.ts'
import { queries } from '../../api/session.ts'
import type { Webhook } from '../../api/types.ts'
import { useFormat } from '../../i18n/useFormat.ts'
import { When } from '../../ui/Ago.tsx'
import { Asked } from '../../ui/Asked.tsx'
import { DataTable } from '../../ui/DataTable.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import { StateTag } from '../../ui/StateTag.tsx'
import ui from '../../ui/ui.module.css'
import css from './events.module.css'
import { DELIVERY, lastQuery, webhookLook, webhooksQuery } from './events.ts'

const column = createColumnHelper<Webhook>()
const nameOf = (webhook: Webhook) => webhook.name || webhook.url

/** Receivers outside that hear of events, and what became of the last one. */
export function WebhooksPanel() {
  const { t } = useTranslation()
  const query = useQuery(webhooksQuery)
  return (
    <Panel id="webhooks" icon="send" title={t('webhooks.title')} flush>
      <div className={query.data?.length ? '' : ui.pad}>
        <Asked query={query}>
          {(webhooks) =>
            webhooks.length === 0 ? (
              <div className={ui.outdent}>
                <Empty title={t('webhooks.none')}>{t('webhooks.none.hint')}</Empty>
              </div>
            ) : (
              <Webhooks webhooks={webhooks} />
            )
          }
        </Asked>
      </div>
    </Panel>
  )
}

function Webhooks({ webhooks }: { webhooks: readonly Webhook[] }) {
  const { t } = useTranslation()
  const columns = useMemo(
    () => [
      column.accessor(nameOf, { id: 'name', header: t('column.name'), meta: { card: 'bare' } }),
      column.accessor('kind', { header: t('log.kind') }),
      column.accessor((one) => webhookLook(one).word, {
        id: 'state',
        header: t('column.state'),
        meta: { card: 'state' },
        cell: ({ row: { original } }) => (
          <span title={original.why_disabled}>
            <StateTag look={webhookLook(original)} />
          </span>
        ),
      }),
      column.display({
        id: 'last',
        header: t('webhooks.last'),
        cell: ({ row }) => <Last webhook={row.original} />,
      }),
      column.display({
        id: 'test',
        header: t('column.actions'),
        meta: { card: 'wide' },
        cell: ({ row }) => <Test webhook={row.original} />,
      }),
    ],
    [t],
  )
  return <DataTable label={t('webhooks.title')} rows={webhooks} columns={columns} rowId={(one) => one.id} />
}

function Last({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation()
  const { data, error } = useQuery(lastQuery(webhook.id))
  if (data === undefined) return error ? '–' : t('asked.loading')
  if (data === null) return t('webhooks.never')
  return (
    <span className={css.last} title={data.error}>
      <StateTag look={DELIVERY[data.state]} plain />
      <When at={data.changed_at} />
    </span>
  )
}

/** Sends a test, and says what the receiver answered. */
function Test({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation()
  const format = useFormat()
  const name = nameOf(webhook)
  const test = useMutation({
    mutationFn: () =>
      sent(api.POST('/api/v1/webhooks/{webhook}/test', { params: { path: { webhook: webhook.id } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ['webhooks'] }),
  })
  const said = () => {
    const { data } = test
    if (!data) return ''
    const status = data.status ?? null
    const isGood = !data.error && (status === null || status < 400)
    if (!isGood) return t('webhooks.bad', { name, why: data.error || String(status) })
    const time = format.duration((data.ms ?? 0) / 1000)
    return status === null
      ? t('webhooks.good.silent', { name, time })
      : t('webhooks.good', { name, status, time })
  }
  return (
    <div className={css.test}>
      <Button
        size="compact-sm"
        variant="default"
        aria-label={t('webhooks.test.of', { name })}
        loading={test.isPending}
        onClick={() => test.mutate()}
      >
        {t('webhooks.test')}
      </Button>
      <p role="status">{said()}</p>
      {test.error ? <Failure error={test.error} /> : null}
    </div>
  )
}

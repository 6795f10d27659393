import { NativeSelect } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Key } from '../../i18n/index.ts'
import { Address } from '../../ui/Address.tsx'
import { CopyText } from '../../ui/CopyText.tsx'
import { Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import css from './gateway.module.css'
import { CLIENTS, type Client, snippet } from './snippets.ts'

interface Props {
  gateway: string
  /** Names that a snippet may ask for. */
  models: readonly string[]
}

const ENDPOINTS: readonly { word: Key; path: string }[] = [
  { word: 'gateway.endpoint.ollama', path: '' },
  { word: 'gateway.endpoint.openai', path: '/v1' },
  { word: 'gateway.endpoint.anthropic', path: '' },
]

/** Where programs ask, and what is written for each kind of them. */
export function EndpointsPanel({ gateway, models }: Props) {
  const { t } = useTranslation()
  return (
    <Panel id="endpoints" icon="link" title={t('gateway.endpoints')}>
      <ul className={ui.addresses}>
        {ENDPOINTS.map(({ word, path }) => (
          <Address key={word} label={t(word)} value={`${gateway}${path}`} />
        ))}
      </ul>
      <Snippet gateway={gateway} models={models} />
    </Panel>
  )
}

/** Asked for where no node has a model yet. */
const USUAL = 'smollm2:135m'

function Snippet({ gateway, models }: Props) {
  const { t } = useTranslation()
  const [client, setClient] = useState<Client>('curl')
  const [chosen, setModel] = useState('')
  const model = models.includes(chosen) ? chosen : (models[0] ?? USUAL)
  const text = snippet(client, gateway, model)
  return (
    <div className={css.snippet}>
      <div className={ui.filters} style={{ marginBottom: 0 }}>
        <NativeSelect
          label={t('gateway.client')}
          value={client}
          onChange={(event) => setClient(event.currentTarget.value as Client)}
          data={Object.entries(CLIENTS).map(([value, word]) => ({ value, label: t(word) }))}
        />
        {client === 'webui' ? null : (
          <NativeSelect
            label={t('gateway.model')}
            value={model}
            onChange={(event) => setModel(event.currentTarget.value)}
            data={models.length > 0 ? [...models] : [USUAL]}
          />
        )}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre className={ui.json} tabIndex={0}>
        {text}
      </pre>
      <CopyText value={text} label={t('gateway.copy')} />
      <p className={ui.note}>{t('gateway.client.hint')}</p>
    </div>
  )
}

import { Button, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../../api/client.ts'
import type { Find } from '../../api/types.ts'
import { Coded } from '../../ui/Coded.tsx'
import { Command } from '../../ui/Command.tsx'
import { Failure } from '../../ui/Failure.tsx'
import css from './found.module.css'
import { commandOf, type FoundRow, foundAgain, HOWS, KINDS, nameOf, whyNot } from './found.ts'

const MOST_SERVICES = 24
const MOST_MODELS = 4

interface Props {
  rows: readonly FoundRow[]
  mayAdd: boolean
  /** Absent while a search goes on: there is one at a time. */
  onLook: ((hosts: string[]) => void) | undefined
}

/** What was found so far: how, what it serves, and what can be made of it. */
export function FoundList({ rows, mayAdd, onLook }: Props) {
  const { t } = useTranslation()
  if (rows.length === 0) return null
  return (
    <ul className={css.finds} aria-label={t('found.title')}>
      {rows.map((row) => (
        <Row key={row.find.id} row={row} mayAdd={mayAdd} onLook={onLook} />
      ))}
    </ul>
  )
}

function Row({ row, mayAdd, onLook }: Omit<Props, 'rows'> & { row: FoundRow }) {
  const { t } = useTranslation()
  const [isAdding, setAdding] = useState(false)
  const { find } = row
  const name = nameOf(find)
  const why = whyNot(row)
  const address = [find.address, ...find.others].filter((one) => one && one !== name).join(', ')
  return (
    <li className={css.find}>
      <div className={css.findHead}>
        <strong>{name}</strong>
        {address ? <span className={css.quiet}>{address}</span> : null}
        <span className={css.quiet}>
          {t('found.how', { ways: find.how.map((one) => t(HOWS[one])).join(', ') })}
        </span>
        <span className={css.findEnd}>
          {find.address && onLook ? (
            <Button
              size="compact-sm"
              variant="default"
              aria-label={t('found.deep.of', { name })}
              onClick={() => onLook([find.address])}
            >
              {t('found.deep')}
            </Button>
          ) : null}
          {find.usable && mayAdd ? (
            <Button
              size="compact-sm"
              aria-label={t('found.add.of', { name })}
              aria-expanded={isAdding}
              onClick={() => setAdding(!isAdding)}
            >
              {t('found.add')}
            </Button>
          ) : null}
        </span>
      </div>
      {why ? <p className={css.why}>{t(why)}</p> : null}
      <Services find={find} discovery={row.from.id} />
      {isAdding ? <Adding find={find} /> : null}
    </li>
  )
}

/** The terminal asks what a page must not: passwords, and whether a host key is the right one. */
function Adding({ find }: { find: Find }) {
  const { t } = useTranslation()
  const [user, setUser] = useState('')
  const command = commandOf(find.target, find.entry ? '' : user.trim())
  return (
    <div className={css.adding}>
      <p>{t('found.add.how')}</p>
      {find.entry ? null : (
        <TextInput
          size="sm"
          label={t('found.add.user')}
          value={user}
          maxLength={32}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setUser(event.currentTarget.value)}
        />
      )}
      <Command value={command} />
    </div>
  )
}

type Service = Find['services'][number]

function Services({ find, discovery }: { find: Find; discovery: string }) {
  const { t } = useTranslation()
  const taking = useMutation({
    mutationFn: (port: number) =>
      sent(
        api.POST('/api/v1/discoveries/{discovery}/taken', {
          params: { path: { discovery } },
          body: { address: find.address, port },
        }),
      ),
    onSettled: foundAgain,
  })
  const shown = find.services.slice(0, MOST_SERVICES)
  const isMember = find.why_not === 'in_cluster' || find.why_not === 'this_machine'
  if (shown.length === 0) return null
  return (
    <>
      {taking.error ? <Failure error={taking.error} /> : null}
      <ul className={css.services}>
        {shown.map((service) => (
          <li key={service.port}>
            <span>{wordsOf(service, t(KINDS[service.kind]))}</span>
            {service.instance ? <span className={css.quiet}>{t('found.taken')}</span> : null}
            {service.takeable && !service.instance ? (
              <Button
                size="compact-sm"
                variant="default"
                loading={taking.isPending && taking.variables === service.port}
                aria-label={t('found.take.of', { name: `${find.address}:${service.port}` })}
                onClick={() => taking.mutate(service.port)}
              >
                {t('found.take')}
              </Button>
            ) : null}
            {service.kind === 'ollama' && !isMember ? (
              <span className={css.quiet}>
                <Coded text={t('found.node', { url: `http://${find.address}:${service.port}` })} />
              </span>
            ) : null}
          </li>
        ))}
      </ul>
      {find.services.length > shown.length ? (
        <p className={css.quiet}>{t('found.more', { ports: find.services.length - shown.length })}</p>
      ) : null}
    </>
  )
}

/** `Ollama 0.12.6 :11434 (qwen3:4b, …)` */
function wordsOf(service: Service, kind: string): string {
  const said = service.name && service.name !== kind ? `${kind}, ${service.name}` : kind
  const models = service.models.slice(0, MOST_MODELS).join(', ')
  const more = service.models.length > MOST_MODELS ? ', …' : ''
  return `${said} ${service.version} :${service.port}${models ? ` (${models}${more})` : ''}`.replace(
    / +/g,
    ' ',
  )
}

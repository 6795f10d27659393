import { Button, Checkbox, Group, Modal, NumberInput, Radio, Stack, Text, TextInput } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { AskFrame, TypedFrame } from '../../app/AskFrame.tsx'
import { useFormat } from '../../i18n/useFormat.ts'
import { Asked } from '../../ui/Asked.tsx'
import { Failure } from '../../ui/Failure.tsx'
import { useSay } from '../../ui/notices.tsx'
import { Empty } from '../../ui/Panel.tsx'
import type { ModelAsk } from './acts.tsx'
import { beginPull, cancelPull, remove, rename, updateModels } from './deeds.ts'
import css from './models.module.css'
import { fullName, type Picture, updatesQuery } from './models.ts'

interface Props {
  ask: ModelAsk
  picture: Picture | null
  mayChange: boolean
  onClose: () => void
}

/** What is asked before machines fetch or lose a model. */
export default function ModelDialog({ ask, picture, mayChange, onClose }: Props) {
  switch (ask.kind) {
    case 'pull':
      return <PullDialog {...ask} picture={picture} onClose={onClose} />
    case 'remove':
      return <RemoveDialog {...ask} onClose={onClose} />
    case 'rename':
      return <RenameDialog model={ask.model} onClose={onClose} />
    case 'cancel':
      return <CancelDialog {...ask} onClose={onClose} />
    case 'updates':
      return <UpdatesDialog mayChange={mayChange} onClose={onClose} />
  }
}

type To = 'all' | 'fits' | 'these'
const SHORTEST = 256
const LONGEST = 1_048_576

interface PullProps {
  model: string
  nodes: readonly string[]
  picture: Picture | null
  onClose: () => void
}

function PullDialog({ model: given, nodes, picture, onClose }: PullProps) {
  const { t } = useTranslation()
  const [model, setModel] = useState(given)
  const [to, setTo] = useState<To>(nodes.length > 0 ? 'these' : 'fits')
  const [chosen, setChosen] = useState<string[]>([...nodes])
  const [context, setContext] = useState<number | string>(8192)
  const [copies, setCopies] = useState(true)
  const named = model.trim()
  const length = Number(context)
  const isReady =
    named !== '' &&
    (to !== 'these' || chosen.length > 0) &&
    (to !== 'fits' || (Number.isInteger(length) && length >= SHORTEST && length <= LONGEST))
  const act = () =>
    beginPull({
      model: named,
      nodes: to === 'these' ? chosen : [],
      fits: to === 'fits',
      context: to === 'fits' ? length : 8192,
      copies,
    })
  const has = (node: string) => picture?.copies[node]?.[fullName(named)] !== undefined
  return (
    <AskFrame
      title={t('models.pull.title')}
      submit={t('models.pull.do')}
      done={t('models.pull.begun', { model: named })}
      act={act}
      ready={isReady}
      onClose={onClose}
    >
      <TextInput
        label={t('models.pull.name')}
        description={t('models.pull.name.hint')}
        value={model}
        onChange={(event) => setModel(event.currentTarget.value)}
        maxLength={300}
        autoComplete="off"
        spellCheck={false}
        {...(given === '' ? { 'data-autofocus': true } : {})}
      />
      <Radio.Group label={t('models.pull.to')} value={to} onChange={(value) => setTo(value as To)}>
        <Stack gap={8} mt={6}>
          <Radio value="fits" label={t('models.pull.to.fits')} />
          <Radio value="all" label={t('models.pull.to.all')} />
          <Radio value="these" label={t('models.pull.to.these')} />
        </Stack>
      </Radio.Group>
      {to === 'these' ? (
        <Checkbox.Group label={t('models.pull.machines')} value={chosen} onChange={setChosen}>
          <Stack gap={8} mt={6}>
            {(picture?.nodes ?? []).map(({ name }) => (
              <Checkbox
                key={name}
                value={name}
                label={name}
                description={has(name) ? t('models.pull.has') : undefined}
              />
            ))}
          </Stack>
        </Checkbox.Group>
      ) : null}
      {to === 'fits' ? (
        <NumberInput
          label={t('models.fit.context')}
          value={context}
          onChange={setContext}
          min={SHORTEST}
          max={LONGEST}
          step={1024}
          allowDecimal={false}
        />
      ) : null}
      <Checkbox
        label={t('models.pull.copies')}
        description={t('models.pull.copies.hint')}
        checked={copies}
        onChange={(event) => setCopies(event.currentTarget.checked)}
      />
    </AskFrame>
  )
}

interface RemoveProps {
  model: string
  nodes: readonly string[]
  everywhere: boolean
  onClose: () => void
}

function RemoveDialog({ model, nodes, everywhere, onClose }: RemoveProps) {
  const { t } = useTranslation()
  return (
    <TypedFrame
      title={t('models.remove.title', { model })}
      submit={t('models.remove')}
      done={t('models.remove.done', { model })}
      act={() => remove(model, everywhere ? [] : nodes)}
      word={model}
      onClose={onClose}
    >
      <Text size="sm">
        {everywhere ? t('models.remove.text.all') : t('models.remove.text.here', { node: nodes.join(', ') })}{' '}
        {t('models.remove.text')}
      </Text>
    </TypedFrame>
  )
}

function RenameDialog({ model, onClose }: { model: string; onClose: () => void }) {
  const { t } = useTranslation()
  const say = useSay()
  const [name, setName] = useState('')
  const act = async () => {
    const left = await rename(model, name.trim())
    for (const one of left) say(`${one.node}: ${one.error}`)
  }
  return (
    <AskFrame
      title={t('models.rename.title', { model })}
      submit={t('models.rename')}
      done={t('models.rename.done', { name: name.trim() })}
      act={act}
      ready={name.trim() !== ''}
      onClose={onClose}
    >
      <Text size="sm">{t('models.rename.text')}</Text>
      <TextInput
        label={t('models.rename.name')}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        maxLength={300}
        autoComplete="off"
        spellCheck={false}
        data-autofocus
      />
    </AskFrame>
  )
}

interface CancelProps {
  pullId: string
  model: string
  nodes: readonly string[]
  onClose: () => void
}

function CancelDialog({ pullId, model, nodes, onClose }: CancelProps) {
  const { t } = useTranslation()
  const [purge, setPurge] = useState(false)
  return (
    <AskFrame
      title={t('models.cancel.title', { model })}
      submit={t('models.pull.cancel')}
      done={t('models.cancel.done', { model })}
      act={() => cancelPull(pullId, nodes, purge)}
      onClose={onClose}
    >
      <Text size="sm">
        {nodes.length > 0 ? t('models.cancel.at', { node: nodes.join(', ') }) : t('models.cancel.text')}
      </Text>
      <Checkbox
        label={t('models.cancel.purge')}
        checked={purge}
        onChange={(event) => setPurge(event.currentTarget.checked)}
      />
    </AskFrame>
  )
}

/** Models of which the registry has another version; asked when opened. */
function UpdatesDialog({ mayChange, onClose }: { mayChange: boolean; onClose: () => void }) {
  const { t } = useTranslation()
  const format = useFormat()
  const say = useSay()
  const updates = useQuery(updatesQuery)
  const acting = useMutation({
    mutationFn: updateModels,
    onSuccess: () => {
      say(t('models.updates.begun'))
      onClose()
    },
  })
  return (
    <Modal
      opened
      onClose={onClose}
      title={<strong>{t('models.updates')}</strong>}
      closeButtonProps={{ 'aria-label': t('action.close') }}
    >
      <Stack gap="md">
        {acting.error ? <Failure error={acting.error} /> : null}
        <Asked query={updates}>
          {(all) =>
            all.length === 0 ? (
              <Empty title={t('models.updates.none')} />
            ) : (
              <>
                <ul className={css.holders}>
                  {all.map((one) => (
                    <li key={one.model}>
                      <strong>{one.model}</strong>
                      <span>
                        {format.bytes(one.size)} · {one.nodes.join(', ')}
                      </span>
                    </li>
                  ))}
                </ul>
                {mayChange ? (
                  <Group justify="flex-end">
                    <Button
                      loading={acting.isPending}
                      onClick={() => acting.mutate(all.map((one) => one.model))}
                    >
                      {t('models.updates.fetch', { count: all.length })}
                    </Button>
                  </Group>
                ) : null}
              </>
            )
          }
        </Asked>
      </Stack>
    </Modal>
  )
}

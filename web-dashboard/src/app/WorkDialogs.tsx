import { NumberInput, Text, Textarea, TextInput } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../api/client.ts'
import { queries } from '../api/session.ts'
import { AskFrame, TypedFrame } from './AskFrame.tsx'
import type { WorkAsk } from './dialogs.tsx'

type Of<K extends WorkAsk['kind']> = Extract<WorkAsk, { kind: K }>
interface Props<K extends WorkAsk['kind']> {
  ask: Of<K>
  onClose: () => void
}

const again = (...keys: string[]) =>
  Promise.all(keys.map((key) => queries.invalidateQueries({ queryKey: [key] })))
const OF_WORK = ['plans', 'plan', 'graph', 'plan-tickets', 'ticket', 'ticket-history']

/** Dialogs about plans, tickets, objectives and freezes. */
export default function WorkDialog({ ask, onClose }: { ask: WorkAsk; onClose: () => void }) {
  switch (ask.kind) {
    case 'cancel-plan':
      return <CancelPlan ask={ask as Of<'cancel-plan'>} onClose={onClose} />
    case 'replay-plan':
      return <ReplayPlan ask={ask as Of<'replay-plan'>} onClose={onClose} />
    case 'forget-plan':
      return <ForgetPlan ask={ask as Of<'forget-plan'>} onClose={onClose} />
    case 'verify-plan':
      return <VerifyPlan ask={ask} onClose={onClose} />
    case 'cancel-ticket':
      return <CancelTicket ask={ask as Of<'cancel-ticket'>} onClose={onClose} />
    case 'hold-ticket':
      return <HoldTicket ask={ask as Of<'hold-ticket'>} onClose={onClose} />
    case 'remove-slo':
      return <RemoveSlo ask={ask} onClose={onClose} />
    case 'silence':
      return <SilenceDialog ask={ask} onClose={onClose} />
    case 'override':
      return <OverrideDialog ask={ask as Of<'override'>} onClose={onClose} />
    case 'lift':
      return <LiftDialog ask={ask as Of<'lift'>} onClose={onClose} />
  }
}

function CancelPlan({ ask: { planId, name }, onClose }: Props<'cancel-plan'>) {
  const { t } = useTranslation()
  const act = async () => {
    await sent(api.POST('/api/v1/plans/{plan_id}/cancel', { params: { path: { plan_id: planId } } }))
    await again(...OF_WORK)
  }
  return (
    <TypedFrame
      title={t('plan.cancel.title', { name })}
      submit={t('plan.cancel')}
      done={t('plan.cancel.done', { name })}
      act={act}
      word={name}
      onClose={onClose}
    >
      <Text size="sm">{t('plan.cancel.text')}</Text>
    </TypedFrame>
  )
}

function ReplayPlan({ ask: { planId, name }, onClose }: Props<'replay-plan'>) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const [start, setStart] = useState('')
  const act = async () => {
    const made = await sent(
      api.POST('/api/v1/plans/{plan_id}/replay', {
        params: { path: { plan_id: planId } },
        body: { start: start.trim() || null },
      }),
    )
    await again('plans')
    await navigate({ to: '/plans/$planId', params: { planId: made.plan.plan_id } })
  }
  return (
    <AskFrame
      title={t('plan.replay.title', { name })}
      submit={t('plan.replay')}
      done={t('plan.replay.done', { name })}
      act={act}
      onClose={onClose}
    >
      <Text size="sm">{t('plan.replay.text')}</Text>
      <TextInput
        label={t('plan.replay.start')}
        description={t('plan.replay.start.hint')}
        value={start}
        onChange={(event) => setStart(event.currentTarget.value)}
        autoComplete="off"
        data-autofocus
      />
    </AskFrame>
  )
}

function ForgetPlan({ ask: { planId, name }, onClose }: Props<'forget-plan'>) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const act = async () => {
    await sent(api.DELETE('/api/v1/plans/{plan_id}', { params: { path: { plan_id: planId } } }))
    await navigate({ to: '/plans' })
    await again('plans')
  }
  return (
    <TypedFrame
      title={t('plan.forget.title', { name })}
      submit={t('plan.forget')}
      done={t('plan.forget.done', { name })}
      act={act}
      word={name}
      onClose={onClose}
    >
      <Text size="sm">{t('plan.forget.text')}</Text>
    </TypedFrame>
  )
}

function VerifyPlan({ ask: { planId }, onClose }: Props<'verify-plan'>) {
  const { t } = useTranslation()
  return (
    <AskFrame
      title={t('plan.verify')}
      submit={t('plan.verify.do')}
      done={t('plan.verify.done')}
      act={() => sent(api.GET('/api/v1/plans/{plan_id}/verify', { params: { path: { plan_id: planId } } }))}
      onClose={onClose}
    >
      <Text size="sm">{t('plan.verify.text')}</Text>
    </AskFrame>
  )
}

function CancelTicket({ ask: { ticketId, name, tag }, onClose }: Props<'cancel-ticket'>) {
  const { t } = useTranslation()
  const act = async () => {
    await sent(
      api.POST('/api/v1/tickets/{ticket_id}/cancel', {
        params: { path: { ticket_id: ticketId }, header: { 'If-Match': tag } },
      }),
    )
    await again(...OF_WORK)
  }
  return (
    <TypedFrame
      title={t('ticket.cancel.title', { name })}
      submit={t('ticket.cancel')}
      done={t('ticket.cancel.done', { name })}
      act={act}
      word={name}
      onClose={onClose}
    >
      <Text size="sm">{t('ticket.cancel.text')}</Text>
    </TypedFrame>
  )
}

function HoldTicket({ ask: { ticketId, name, tag }, onClose }: Props<'hold-ticket'>) {
  const { t } = useTranslation()
  const [reason, setReason] = useState('')
  const act = async () => {
    await sent(
      api.PATCH('/api/v1/tickets/{ticket_id}/status', {
        params: { path: { ticket_id: ticketId }, header: { 'If-Match': tag } },
        body: { status: 'frozen', reason },
      }),
    )
    await again(...OF_WORK)
  }
  return (
    <AskFrame
      title={t('ticket.hold.title', { name })}
      submit={t('ticket.hold')}
      done={t('ticket.hold.done', { name })}
      act={act}
      ready={reason.trim().length >= 3}
      onClose={onClose}
    >
      <Text size="sm">{t('ticket.hold.text')}</Text>
      <Reason value={reason} onChange={setReason} />
    </AskFrame>
  )
}

function Reason({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation()
  return (
    <Textarea
      label={t('ask.reason')}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      maxLength={512}
      autosize
      minRows={2}
      data-autofocus
    />
  )
}

function Minutes({ value, most, onChange }: { value: number; most: number; onChange: (v: number) => void }) {
  const { t } = useTranslation()
  return (
    <NumberInput
      label={t('ask.minutes')}
      value={value}
      onChange={(fresh) => onChange(Number(fresh))}
      min={1}
      max={most}
      allowDecimal={false}
    />
  )
}

const isCount = (value: number, most: number) => Number.isInteger(value) && value >= 1 && value <= most

function RemoveSlo({ ask: { sloId }, onClose }: Props<'remove-slo'>) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const act = async () => {
    await sent(api.DELETE('/api/v1/slos/{slo_id}', { params: { path: { slo_id: sloId } } }))
    await navigate({ to: '/objectives' })
    await again('slos', 'budgets', 'freezes')
  }
  return (
    <TypedFrame
      title={t('slo.remove.title', { name: sloId })}
      submit={t('slo.remove')}
      done={t('slo.remove.done', { name: sloId })}
      act={act}
      word={sloId}
      onClose={onClose}
    >
      <Text size="sm">{t('slo.remove.text')}</Text>
    </TypedFrame>
  )
}

const SILENCE_MOST = 129_600

function SilenceDialog({ ask: { sloId }, onClose }: Props<'silence'>) {
  const { t } = useTranslation()
  const [reason, setReason] = useState('')
  const [minutes, setMinutes] = useState(60)
  const act = async () => {
    const matchers = [{ name: 'slo', value: sloId, isEqual: true, isRegex: false }]
    await sent(api.POST('/api/v1/silences', { body: { matchers, minutes, comment: reason } }))
    await again('silences')
  }
  return (
    <AskFrame
      title={t('silence.title', { name: sloId })}
      submit={t('silence.add')}
      done={t('silence.done')}
      act={act}
      ready={reason.trim().length >= 3 && isCount(minutes, SILENCE_MOST)}
      onClose={onClose}
    >
      <Text size="sm">{t('silence.text')}</Text>
      <Reason value={reason} onChange={setReason} />
      <Minutes value={minutes} most={SILENCE_MOST} onChange={setMinutes} />
    </AskFrame>
  )
}

const OVERRIDE_MOST = 10_080

function OverrideDialog({ ask: { eventId, sloId }, onClose }: Props<'override'>) {
  const { t } = useTranslation()
  const [reason, setReason] = useState('')
  const [minutes, setMinutes] = useState(60)
  const act = async () => {
    await sent(
      api.POST('/api/v1/policies/freezes/{event_id}/override', {
        params: { path: { event_id: eventId } },
        body: { reason, minutes },
      }),
    )
    await again('freezes', ...OF_WORK)
  }
  return (
    <AskFrame
      title={t('freeze.override.title', { name: sloId })}
      submit={t('freeze.override')}
      done={t('freeze.override.done')}
      act={act}
      ready={reason.trim().length >= 3 && isCount(minutes, OVERRIDE_MOST)}
      onClose={onClose}
    >
      <Text size="sm">{t('freeze.override.text')}</Text>
      <Reason value={reason} onChange={setReason} />
      <Minutes value={minutes} most={OVERRIDE_MOST} onChange={setMinutes} />
    </AskFrame>
  )
}

function LiftDialog({ ask: { eventId, sloId }, onClose }: Props<'lift'>) {
  const { t } = useTranslation()
  const [reason, setReason] = useState('')
  const act = async () => {
    await sent(
      api.POST('/api/v1/policies/freezes/{event_id}/resolve', {
        params: { path: { event_id: eventId } },
        body: { reason },
      }),
    )
    await again('freezes', ...OF_WORK)
  }
  return (
    <TypedFrame
      title={t('freeze.lift.title', { name: sloId })}
      submit={t('freeze.lift')}
      done={t('freeze.lift.done')}
      act={act}
      word={sloId}
      onClose={onClose}
    >
      <Text size="sm">{t('freeze.lift.text')}</Text>
      <Reason value={reason} onChange={setReason} />
    </TypedFrame>
  )
}

import { Text } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, sent } from '../../api/client.ts'
import { queries } from '../../api/session.ts'
import type { FreezePolicy } from '../../api/types.ts'
import { AskFrame, TypedFrame } from '../../app/AskFrame.tsx'
import { PolicyForm } from './PolicyForm.tsx'
import { FRESH_RULE, settledRule, wrongIn } from './policies.ts'

/** What is asked about policies: a new one, another in the place of one, or its end. */
export type PolicyAsk = { kind: 'new' } | { kind: 'change' | 'remove'; policy: FreezePolicy }

interface DialogProps {
  ask: PolicyAsk
  onClose: () => void
}

/** A change begins and ends freezes at once. */
const again = () =>
  Promise.all(['policies', 'freezes'].map((key) => queries.invalidateQueries({ queryKey: [key] })))

export function PolicyDialog({ ask, onClose }: DialogProps) {
  if (ask.kind === 'remove') return <Remove policyId={ask.policy.policy_id} onClose={onClose} />
  return <Put before={ask.kind === 'change' ? ask.policy : null} onClose={onClose} />
}

function Put({ before, onClose }: { before: FreezePolicy | null; onClose: () => void }) {
  const { t } = useTranslation()
  const [rule, setRule] = useState({ ...FRESH_RULE, ...before?.policy })
  const wrong = wrongIn(rule)
  const act = async () => {
    const body = settledRule(rule)
    if (before) {
      const path = { policy_id: before.policy_id }
      await sent(api.PUT('/api/v1/policies/{policy_id}', { params: { path }, body }))
    } else {
      await sent(api.POST('/api/v1/policies', { body }))
    }
    await again()
  }
  return (
    <AskFrame
      title={before ? t('policies.change.title', { name: before.policy.name }) : t('policies.new')}
      submit={before ? t('slo.save') : t('slo.make')}
      done={t('policies.kept', { name: rule.name.trim() })}
      act={act}
      ready={rule.name.trim() !== '' && Object.keys(wrong).length === 0}
      onClose={onClose}
    >
      <PolicyForm rule={rule} wrong={wrong} onChange={setRule} />
    </AskFrame>
  )
}

function Remove({ policyId, onClose }: { policyId: string; onClose: () => void }) {
  const { t } = useTranslation()
  const act = async () => {
    const path = { policy_id: policyId }
    await sent(api.DELETE('/api/v1/policies/{policy_id}', { params: { path } }))
    await again()
  }
  return (
    <TypedFrame
      title={t('policies.remove.title', { name: policyId })}
      submit={t('policies.remove')}
      done={t('policies.removed', { name: policyId })}
      act={act}
      word={policyId}
      onClose={onClose}
    >
      <Text size="sm">{t('policies.remove.text')}</Text>
    </TypedFrame>
  )
}

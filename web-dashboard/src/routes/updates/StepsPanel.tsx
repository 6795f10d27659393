import { useTranslation } from 'react-i18next'
import type { Updates } from '../../api/types.ts'
import type { Key } from '../../i18n/index.ts'
import { Coded } from '../../ui/Coded.tsx'
import { Command } from '../../ui/Command.tsx'
import { Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import css from './updates.module.css'
import { others } from './updates.ts'

type Step = readonly [words: Key, line: string]

const CHECKOUT: readonly Step[] = [
  ['updates.do.pull', 'git pull && ./manager.sh restart'],
  ['updates.do.install', './manager.sh update install ~/.local/lib/cluster-ai-head'],
]
const LOOK: Step = ['updates.do.check', 'cluster-ai update check']
const LOOK_AT_FILE: Step = ['updates.do.check_file', 'cluster-ai update check new.tar']
const APPLY: Step = ['updates.do.apply', 'cluster-ai update apply']
const APPLY_FILE: Step = ['updates.do.apply_file', 'cluster-ai update apply new.tar']
const BACK: Step = ['updates.do.rollback', 'cluster-ai update rollback']
const FINISH: Step = ['updates.do.finish', 'cluster-ai update finish']

/** The lines that make sense as things stand. Pure. */
export function stepsOf(view: Updates): readonly Step[] {
  if (view.going_on) return [FINISH]
  if (!view.installed) return CHECKOUT
  const forward = view.configured ? [LOOK, APPLY] : [LOOK_AT_FILE, APPLY_FILE]
  return others(view).length > 0 ? [...forward, BACK] : forward
}

/** Updates are applied at the machine itself: the API would end in the middle of one. */
export function StepsPanel({ view }: { view: Updates }) {
  const { t } = useTranslation()
  return (
    <Panel id="steps" icon="play" title={t('updates.do')}>
      <div className={css.text}>
        <p className={ui.note}>{t('updates.do.where')}</p>
        <ul className={css.steps}>
          {stepsOf(view).map(([words, line]) => (
            <li key={line}>
              <p>{t(words)}</p>
              <Command value={line} />
            </li>
          ))}
        </ul>
        {view.installed && !view.configured ? (
          <p className={ui.note}>
            <Coded text={t('updates.source.hint')} />
          </p>
        ) : null}
      </div>
    </Panel>
  )
}

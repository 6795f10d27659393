import { Button, Drawer } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../i18n/useFormat.ts'
import { Facts } from '../../ui/Facts.tsx'
import { Empty, Panel } from '../../ui/Panel.tsx'
import ui from '../../ui/ui.module.css'
import { Abilities } from './Abilities.tsx'
import { useActs } from './acts.tsx'
import { CellMenu } from './CellMenu.tsx'
import { load, pin, unload, unpin } from './deeds.ts'
import { FitPanel } from './FitPanel.tsx'
import css from './models.module.css'
import { fullName, type Picture, type Row } from './models.ts'

interface Props {
  name: string
  /** Undefined: no node has it, and none gets it. */
  row: Row | undefined
  picture: Picture | null
  onClose: () => void
}

/** One model: what it is, how it stands at each machine, where it would fit, and what can be done with it. */
export default function ModelDrawer({ name, row, picture, onClose }: Props) {
  const { t } = useTranslation()
  const { trouble } = useActs()
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size="min(620px, 100vw)"
      title={<strong>{name}</strong>}
      closeButtonProps={{ 'aria-label': t('action.close') }}
    >
      <div className={ui.drawer}>
        {trouble}
        <What row={row} />
        {row ? <Where name={name} row={row} picture={picture} /> : null}
        <FitPanel model={name} speeds={picture?.speeds ?? {}} />
      </div>
    </Drawer>
  )
}

function What({ row }: { row: Row | undefined }) {
  const { t } = useTranslation()
  const format = useFormat()
  const model = row?.model
  if (!model) return <Empty title={t('models.nowhere')}>{t('models.nowhere.hint')}</Empty>
  return (
    <Facts
      facts={[
        [t('column.size'), format.bytes(model.size)],
        [t('column.parameters'), model.parameter_size],
        [t('column.quantization'), model.quantization],
        [t('models.family'), model.family],
        [t('models.abilities'), <Abilities key="abilities" of={model.capabilities} />],
      ]}
    />
  )
}

function Where({ name, row, picture }: { name: string; row: Row; picture: Picture | null }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <Panel id="model-where" icon="node" title={t('models.where')}>
      <ul className={css.holders}>
        {Object.entries(row.cells).map(([node, cell]) => {
          const copy = picture?.copies[node]?.[name]
          return (
            <li key={node}>
              <span>
                {node}
                {copy && copy.context > 0 ? (
                  <span className={ui.note}>
                    {' '}
                    {t('models.context', { tokens: format.number(copy.context, 0) })}
                  </span>
                ) : null}
              </span>
              <CellMenu model={name} node={node} cell={cell} />
            </li>
          )
        })}
      </ul>
      <WholeActs name={name} row={row} />
    </Panel>
  )
}

/** What can be done to it at every machine that has it. */
function WholeActs({ name, row }: { name: string; row: Row }) {
  const { t } = useTranslation()
  const { may, isPending, run, ask } = useActs()
  if (!may) return null
  const at = (...states: string[]) =>
    Object.entries(row.cells)
      .filter(([, cell]) => states.includes(cell.state))
      .map(([node]) => node)
  const [held, resting, loaded, absent] = [
    at('disk', 'loaded'),
    at('disk'),
    at('loaded'),
    at('absent', 'failed'),
  ]
  const isPinned = Object.values(row.cells).some((cell) => cell.isPinned)
  const model = fullName(name)
  const act = (word: string, onClick: () => void) => (
    <Button size="compact-sm" variant="default" disabled={isPending} onClick={onClick}>
      {word}
    </Button>
  )
  const names = { model: name }
  return (
    <div className={css.acts} style={{ marginTop: 14 }}>
      {resting.length > 0
        ? act(t('models.load_all'), () => run(() => load(name, resting), t('models.load_all.done', names)))
        : null}
      {loaded.length > 0
        ? act(t('models.unload_all'), () =>
            run(() => unload(name, loaded), t('models.unload_all.done', names)),
          )
        : null}
      {isPinned
        ? act(t('models.unpin'), () => run(() => unpin(name), t('models.unpin.done', names)))
        : held.length > 0
          ? act(t('models.pin_all'), () => run(() => pin(name, held), t('models.pin_all.done', names)))
          : null}
      {absent.length > 0
        ? act(t('models.copy'), () => ask({ kind: 'pull', model, nodes: absent.length === 1 ? absent : [] }))
        : null}
      {held.length > 0 ? (
        <>
          {act(t('models.rename'), () => ask({ kind: 'rename', model: name }))}
          {act(t('models.remove'), () => ask({ kind: 'remove', model: name, nodes: held, everywhere: true }))}
        </>
      ) : null}
    </div>
  )
}

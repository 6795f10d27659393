import { Menu } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../i18n/useFormat.ts'
import { Icon } from '../../ui/icons.tsx'
import { useActs } from './acts.tsx'
import { changePull, load, pin, unload } from './deeds.ts'
import css from './models.module.css'
import { CELL, type Cell } from './models.ts'

interface Props {
  model: string
  node: string
  cell: Cell
  /** Opens the model's particulars; left out where they stand beside it. */
  onOpen?: (model: string) => void
}

/** How a model stands at a node, as a button that offers what can be done about it. */
export function CellMenu({ model, node, cell, onOpen }: Props) {
  const { t } = useTranslation()
  const word = useCellWord(cell)
  const acts = useActs()
  const { tone, icon } = CELL[cell.state]
  const face = (
    <>
      <Icon name={icon} size={14} />
      {word}
      {cell.isPinned ? <Icon name="pin" size={13} /> : null}
    </>
  )
  if (!acts.may && !onOpen) {
    return (
      <span className={css.cell} data-tone={tone} data-state={cell.state}>
        {face}
      </span>
    )
  }
  const name = t('models.cell', { model, node, state: word })
  return (
    <Menu position="bottom-start" shadow="md" radius={12} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <button
          type="button"
          className={css.cell}
          data-tone={tone}
          data-state={cell.state}
          data-cell
          aria-label={name}
        >
          {face}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {onOpen ? <Menu.Item onClick={() => onOpen(model)}>{t('models.details')}</Menu.Item> : null}
        {acts.may ? <Items model={model} node={node} cell={cell} /> : null}
      </Menu.Dropdown>
    </Menu>
  )
}

/** The state in words, with how far it has come and whether it is pinned. */
function useCellWord(cell: Cell): string {
  const { t } = useTranslation()
  const format = useFormat()
  const word = t(CELL[cell.state].word)
  const far = cell.share === null ? '' : ` ${format.percent(Math.floor(cell.share * 100))}`
  return `${word}${far}${cell.isPinned ? ` · ${t('models.pinned')}` : ''}`
}

function Items({ model, node, cell }: Omit<Props, 'onOpen'>) {
  const { t } = useTranslation()
  const { run, ask } = useActs()
  const nodes = [node]
  const names = { model, node }
  switch (cell.state) {
    case 'absent':
      return (
        <Menu.Item onClick={() => ask({ kind: 'pull', model, nodes })}>{t('models.pull.here')}</Menu.Item>
      )
    case 'failed':
      return (
        <>
          <Resume pullId={cell.pullId} model={model} />
          <Menu.Item onClick={() => ask({ kind: 'pull', model, nodes })}>{t('models.pull.here')}</Menu.Item>
        </>
      )
    case 'queued':
    case 'pulling':
    case 'paused':
      return (
        <>
          {cell.state === 'paused' ? <Resume pullId={cell.pullId} model={model} /> : null}
          <Menu.Item onClick={() => ask({ kind: 'cancel', pullId: cell.pullId, model, nodes })}>
            {t('models.pull.cancel')}
          </Menu.Item>
        </>
      )
    default:
      return (
        <>
          {cell.state === 'loaded' ? (
            <Menu.Item onClick={() => run(() => unload(model, nodes), t('models.unloaded', names))}>
              {t('models.unload')}
            </Menu.Item>
          ) : (
            <Menu.Item onClick={() => run(() => load(model, nodes), t('models.load.done', names))}>
              {t('models.load')}
            </Menu.Item>
          )}
          {cell.isPinned ? null : (
            <Menu.Item onClick={() => run(() => pin(model, nodes), t('models.pin.done', names))}>
              {t('models.pin')}
            </Menu.Item>
          )}
          <Menu.Item c="var(--bad)" onClick={() => ask({ kind: 'remove', model, nodes, everywhere: false })}>
            {t('models.remove.here')}
          </Menu.Item>
        </>
      )
  }
}

function Resume({ pullId, model }: { pullId: string; model: string }) {
  const { t } = useTranslation()
  const { run } = useActs()
  const resume = async () => {
    await changePull(pullId, 'resume')
    return []
  }
  return (
    <Menu.Item onClick={() => run(resume, t('models.pull.resumed', { model }))}>
      {t('models.pull.resume')}
    </Menu.Item>
  )
}

import { ActionIcon } from '@mantine/core'
import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import css from './Canvas.module.css'
import { Icon, type IconName } from './icons.tsx'
import { type Box, type Window, wholeOf, zoomed } from './window.ts'

const STEP = 1.3
/** A pointer that moved less than this, in pixels, was a click. */
const STILL = 4

interface CanvasProps {
  box: Box
  /** Of the frame, in pixels. */
  height: number
  label: string
  /** What is shown until somebody moves it. `size`: the frame, in pixels. */
  first: (box: Box, size: Box) => Window
  /** Stands behind the buttons. */
  tools?: ReactNode
  /** The drawing. `scale`: pixels for one unit of its own. */
  children: (scale: number) => ReactNode
}

/** A drawing in a frame that is moved and zoomed by pointer, wheel, buttons and keys. */
export function Canvas({ box, height, label, first, tools, children }: CanvasProps) {
  const { t } = useTranslation()
  const frame = useRef<SVGSVGElement>(null)
  const size = useSize(frame)
  const [seen, setSeen] = useState<Window | null>(null)
  const shown = seen ?? first(box, size)
  const centre = { x: shown.x + shown.width / 2, y: shown.y + shown.height / 2 }
  const zoom = (factor: number, around = centre) => setSeen(zoomed(shown, factor, around))
  const move = (x: number, y: number) => setSeen({ ...shown, x: shown.x + x, y: shown.y + y })
  const whole = () => setSeen(wholeOf(box, size.width / size.height))
  const drag = useDrag(shown, size, setSeen)
  useWheel(frame, (factor, px, py) =>
    zoom(factor, { x: shown.x + px * shown.width, y: shown.y + py * shown.height }),
  )
  const onKeyDown = (event: KeyboardEvent) => {
    const act = KEYS[event.key]
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    if (act === 'whole') whole()
    else if (typeof act === 'number') zoom(act)
    else move(act[0] * shown.width * 0.12, act[1] * shown.height * 0.12)
  }
  return (
    <div>
      <div className={css.tools}>
        <ToolButton icon="plus" label={t('dag.closer')} onClick={() => zoom(STEP)} />
        <ToolButton icon="minus" label={t('dag.further')} onClick={() => zoom(1 / STEP)} />
        <ToolButton icon="fit" label={t('dag.whole')} onClick={whole} />
        {tools}
      </div>
      {/* biome-ignore-start lint/a11y/noNoninteractiveTabindex: a region that is moved by keys must be reachable by them */}
      {/* biome-ignore-start lint/a11y/noNoninteractiveElementInteractions: the same by buttons above */}
      <section className={css.frame} aria-label={label} tabIndex={0} onKeyDown={onKeyDown} {...drag}>
        {/* biome-ignore lint/a11y/noSvgWithoutTitle: the section around it is named, and so is each box */}
        <svg
          ref={frame}
          className={css.svg}
          style={{ height }}
          viewBox={`${shown.x} ${shown.y} ${shown.width} ${shown.height}`}
          preserveAspectRatio="xMidYMid meet"
        >
          {children(size.width / shown.width)}
        </svg>
      </section>
      {/* biome-ignore-end lint/a11y/noNoninteractiveElementInteractions: see above */}
      {/* biome-ignore-end lint/a11y/noNoninteractiveTabindex: see above */}
      <p className={css.hint}>{t('dag.keys')}</p>
    </div>
  )
}

function ToolButton({ icon, label, onClick }: { icon: IconName; label: string; onClick: () => void }) {
  return (
    <ActionIcon variant="default" size={32} aria-label={label} title={label} onClick={onClick}>
      <Icon name={icon} size={16} />
    </ActionIcon>
  )
}

const KEYS: Record<string, number | 'whole' | readonly [number, number]> = {
  '+': STEP,
  '=': STEP,
  '-': 1 / STEP,
  '0': 'whole',
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

function useSize(frame: React.RefObject<SVGSVGElement | null>): Box {
  const [size, setSize] = useState<Box>({ width: 900, height: 460 })
  useEffect(() => {
    const svg = frame.current
    if (!svg) return
    const watch = new ResizeObserver(() => {
      const { width, height } = svg.getBoundingClientRect()
      if (width > 0 && height > 0) setSize({ width, height })
    })
    watch.observe(svg)
    return () => watch.disconnect()
  }, [frame])
  return size
}

/** A listener of React's own is passive, and could not keep the page from scrolling. */
function useWheel(
  frame: React.RefObject<SVGSVGElement | null>,
  onZoom: (factor: number, x: number, y: number) => void,
) {
  const newest = useRef(onZoom)
  newest.current = onZoom
  useEffect(() => {
    const svg = frame.current
    if (!svg) return
    const wheel = (event: WheelEvent) => {
      // Without Ctrl the wheel scrolls the page, as everywhere.
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      const box = svg.getBoundingClientRect()
      const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
      newest.current(Math.exp(-event.deltaY / 300), x, y)
    }
    svg.addEventListener('wheel', wheel, { passive: false })
    return () => svg.removeEventListener('wheel', wheel)
  }, [frame])
}

function useDrag(shown: Window, size: Box, onMove: (seen: Window) => void) {
  const held = useRef<{ x: number; y: number; from: Window; moved: boolean } | null>(null)
  return {
    onPointerDown: (event: PointerEvent) => {
      if (event.button !== 0) return
      held.current = { x: event.clientX, y: event.clientY, from: shown, moved: false }
    },
    onPointerMove: (event: PointerEvent) => {
      const grip = held.current
      if (!grip) return
      const [x, y] = [event.clientX - grip.x, event.clientY - grip.y]
      if (!grip.moved && Math.hypot(x, y) < STILL) return
      grip.moved = true
      const scale = grip.from.width / size.width
      onMove({ ...grip.from, x: grip.from.x - x * scale, y: grip.from.y - y * scale })
    },
    onPointerUp: () => {
      // The click that ends a drag comes after this and is no click on a box.
      const moved = held.current?.moved ?? false
      if (!moved) held.current = null
      else setTimeout(() => (held.current = null))
    },
    onPointerLeave: () => {
      held.current = null
    },
    onClickCapture: (event: React.MouseEvent) => {
      if (!held.current?.moved) return
      event.preventDefault()
      event.stopPropagation()
    },
    // Links are dragged by browsers themselves.
    onDragStart: (event: React.DragEvent) => event.preventDefault(),
  }
}

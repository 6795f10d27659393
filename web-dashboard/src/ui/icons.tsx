/** Our own line icons, 20 by 20, drawn with the text's colour. They say nothing to a screen reader: a word stands beside. */

const PATHS = {
  overview: 'M3 11.5 10 4l7 7.5M5 9.8V16h10V9.8',
  chat: 'M4 4.5h12v8.5H9l-3.5 3V13H4z',
  check: 'm4.5 10.5 3.6 3.6 7.4-8',
  warning: 'M10 3.5 17.5 16h-15zM10 8.2v3.6M10 13.8v.2',
  cross: 'm5.5 5.5 9 9m0-9-9 9',
  question: 'M7.4 7.6a2.6 2.6 0 1 1 3.7 2.3c-.8.4-1.1.9-1.1 1.8M10 14.4v.2',
  clock: 'M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14M10 6v4.2l2.6 1.6',
  restart: 'M15.5 8A6 6 0 1 0 16 11M16 4v4h-4',
  stop: 'M6 6h8v8H6z',
  send: 'M10 16V4.5M5 9.2l5-4.9 5 4.9',
  plus: 'M10 4.5v11M4.5 10h11',
  search: 'M9 3.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11m4 9.5 3.5 3.5',
  user: 'M10 3.5a3.2 3.2 0 1 1 0 6.4 3.2 3.2 0 0 1 0-6.4M3.8 16.5c.8-3 3.2-4.4 6.2-4.4s5.4 1.4 6.2 4.4',
  sun: 'M10 6.6a3.4 3.4 0 1 1 0 6.8 3.4 3.4 0 0 1 0-6.8M10 2v1.6M10 16.4V18M2 10h1.6M16.4 10H18M4.3 4.3l1.2 1.2M14.5 14.5l1.2 1.2M4.3 15.7l1.2-1.2M14.5 5.5l1.2-1.2',
  moon: 'M16 11.8A6.5 6.5 0 0 1 8.2 4a6.5 6.5 0 1 0 7.8 7.8',
  auto: 'M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14M10 3v14M12 5.5v9M14 6.8v6.4',
  language:
    'M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14M3 10h14M10 3c2.4 2 3 4.5 3 7s-.6 5-3 7c-2.4-2-3-4.5-3-7s.6-5 3-7',
  key: 'M12.5 3.5a4 4 0 1 1-3.4 6.1L3.5 15.2v1.3H6v-2h2v-1.8l1.6-1.6M13.5 6.4v.2',
  leave: 'M8 4H4v12h4M8.5 10H17m-3-3.5 3.3 3.5L14 13.5',
  sliders: 'M4 6h7M15 6h1M13 4v4M4 14h1M9 14h7M7 12v4',
  copy: 'M7 7h9v9H7zM4 13V4h9',
  link: 'M11.5 4H16v4.5M16 4l-7 7M8 5H4v11h11v-4',
  table: 'M3.5 4.5h13v11h-13zM3.5 8.5h13M8.5 8.5v7',
  chart: 'M3.5 16.5h13M4 13l4-4.5 3 2.5 5-6.5',
  up: 'm5 12.5 5-5 5 5',
  down: 'm5 7.5 5 5 5-5',
  trash: 'M4 6h12M8 6V4h4v2M5.5 6l.8 10.5h7.4L14.5 6M8.5 9v4.5M11.5 9v4.5',
  node: 'M3.5 4h13v5h-13zM3.5 11h13v5h-13zM6.2 6.5h.2M6.2 13.5h.2',
  worker: 'M6 6h8v8H6zM8 3v3M12 3v3M8 14v3M12 14v3M3 8h3M3 12h3M14 8h3M14 12h3',
  model: 'm10 3 6.5 3.6v6.8L10 17l-6.5-3.6V6.6zM3.5 6.6 10 10.2l6.5-3.6M10 10.2V17',
  tasks: 'm3.5 5.5 1.3 1.3L7 4.5M9.5 5.7h7M3.5 10h3M9.5 10h7M3.5 14.3h3M9.5 14.3h7',
  machine: 'M3 4h14v9H3zM7 16.5h6M10 13v3.5',
  parts: 'M3.5 3.5h5.5v5.5H3.5zM11 3.5h5.5v5.5H11zM3.5 11h5.5v5.5H3.5zM11 13.7h5.5M13.7 11v5.5',
  bolt: 'M11 2.5 4.5 11.5H9l-.5 6L15.5 8.5H11z',
  bell: 'M5 14V9a5 5 0 0 1 10 0v5l1.2 1.2H3.8zM8.6 17.2h2.8',
  lines: 'M4 4.8h12M4 8.3h8M4 11.8h12M4 15.3h6',
  plan: 'M4 3.5h5v4H4zM11 12.5h5v4h-5zM11 7.5h5v4h-5zM6.5 7.5v7H11M6.5 9.5H11',
  target: 'M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7M10 9.9v.2',
  frost: 'M10 2.5v15M3.5 6.2l13 7.6M16.5 6.2l-13 7.6M8 4l2 1.6L12 4M8 16l2-1.6 2 1.6',
  pause: 'M7 5v10M13 5v10',
  play: 'M6.5 4.5v11l9-5.5z',
  back: 'M12.5 5 7 10l5.5 5',
  minus: 'M4.5 10h11',
  fit: 'M4 8V4h4M16 8V4h-4M4 12v4h4M16 12v4h-4',
  download: 'M10 3.5v9M6 9l4 4 4-4M4 16.5h12',
  flag: 'M5 17V3.5h10l-2.5 3.5L15 10.5H5',
  archive: 'M3.5 4h13v4h-13zM4.5 8v8.5h11V8M8 11.3h4',
  topology: 'M8 3h4v4H8zM2.5 13h4v4h-4zM13.5 13h4v4h-4zM10 7v3.5M4.5 13v-2.5h11V13',
  menu: 'M4 10h.2M10 10h.2M16 10h.2',
  disk: 'M4 5.5C4 4.1 6.7 3 10 3s6 1.1 6 2.5v9c0 1.4-2.7 2.5-6 2.5s-6-1.1-6-2.5zM4 5.5C4 6.9 6.7 8 10 8s6-1.1 6-2.5M4 10c0 1.4 2.7 2.5 6 2.5s6-1.1 6-2.5',
  pin: 'M7 3.5h6M8 3.5v5L5.5 12h9L12 8.5v-5M10 12v5',
  pulse: 'M2.5 10.5h3.8l2.2-6 3.4 11 2.2-5h3.4',
  gate: 'M4 16.5V7.5L10 4l6 3.5v9M8 16.5v-6h4v6',
} as const

export type IconName = keyof typeof PATHS

/** The strokes alone, for drawings that have an `svg` around them; 20 by 20. */
export function IconPath({ name }: { name: IconName }) {
  return (
    <path
      d={PATHS[name]}
      fill="none"
      stroke="currentColor"
      strokeWidth={1.8}
      strokeLinecap="round"
      strokeLinejoin="round"
    />
  )
}

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === 'check' || name === 'cross' || name === 'menu' ? 2 : 1.6}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  )
}

import { Button } from '@mantine/core'
import { Icon, type IconName } from './icons.tsx'
import css from './ui.module.css'

interface BannerProps {
  icon: IconName
  text: string
  /** Words on its button, and what that does. */
  action: string
  onAction: () => void
}

/** One sentence across the page that asks for attention, and the one thing to do about it. */
export function Banner({ icon, text, action, onAction }: BannerProps) {
  return (
    <div className={css.banner} data-tone="warn">
      <Icon name={icon} />
      <p>{text}</p>
      <Button size="compact-sm" variant="default" onClick={onAction}>
        {action}
      </Button>
    </div>
  )
}

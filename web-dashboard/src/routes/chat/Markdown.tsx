import { memo } from 'react'
import { useTranslation } from 'react-i18next'
import ReactMarkdown, { type Components } from 'react-markdown'
import remarkGfm from 'remark-gfm'
import css from './chat.module.css'

/** Beyond this many characters an answer is shown as plain text: laying it out would stop the page. */
const LONGEST = 60_000
const PLUGINS = [remarkGfm]

/** What a model says is data: raw HTML stays text, and an image is named, never fetched. */
const COMPONENTS: Components = {
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noreferrer noopener nofollow">
      {children}
    </a>
  ),
  img: ({ alt, src }) => <NotFetched alt={alt ?? ''} src={typeof src === 'string' ? src : ''} />,
  // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard
  pre: ({ children }) => <pre tabIndex={0}>{children}</pre>,
  table: ({ children }) => (
    <div className={css.tableScroll}>
      <table>{children}</table>
    </div>
  ),
}

export default memo(function Markdown({ text }: { text: string }) {
  if (text.length > LONGEST) return <div className={css.plain}>{text}</div>
  return (
    <div className={css.markdown}>
      <ReactMarkdown remarkPlugins={PLUGINS} components={COMPONENTS}>
        {text}
      </ReactMarkdown>
    </div>
  )
})

function NotFetched({ alt, src }: { alt: string; src: string }) {
  const { t } = useTranslation()
  return (
    <span className={css.image}>
      {t('chat.image', { alt })} <code>{src.slice(0, 120)}</code>
    </span>
  )
}

/** A sentence in which what stands between backticks is code. */
export function Coded({ text }: { text: string }) {
  return text.split('`').map((piece, index) => {
    const key = `${index} ${piece}`
    return index % 2 === 1 ? (
      <code key={key} className="mono">
        {piece}
      </code>
    ) : (
      <span key={key}>{piece}</span>
    )
  })
}

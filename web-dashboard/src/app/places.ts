/** Where people go after they signed in. */

/** A path of ours with what is asked of it, or nothing: a link must not send people elsewhere after they signed in. */
export function ownPath(value: unknown): string | undefined {
  if (typeof value !== 'string' || !/^\/(?![/\\])[\w\-./]*(\?[\w\-.%=&+]*)?$/.test(value)) return undefined
  return value
}

/** Where `next` leads: its path, and what is asked of it. Pure. */
export function placeOf(next: string | undefined): { to: string; search: Record<string, string> } {
  const [to = '/', asked = ''] = (next ?? '/').split('?')
  return { to, search: Object.fromEntries(new URLSearchParams(asked)) }
}

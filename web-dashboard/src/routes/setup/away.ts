const PLACE = 'cluster-ai.setup'

/** Whether this browser was told not to show the first steps any more. */
export function isPutAway(): boolean {
  try {
    return localStorage.getItem(PLACE) === 'done'
  } catch {
    return true
  }
}

export function putAway(away: boolean): void {
  try {
    if (away) localStorage.setItem(PLACE, 'done')
    else localStorage.removeItem(PLACE)
  } catch {
    // A browser that keeps nothing shows them again.
  }
}

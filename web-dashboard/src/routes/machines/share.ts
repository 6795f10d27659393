/** What Dask's workers of a machine get, and why there are none. */

const WHY = { memory: 'workers.why.memory', settings: 'workers.why.settings' } as const

/** The word for a reason; undefined for one of another version, and where there are workers. */
export function whyNone(code: string | undefined): (typeof WHY)[keyof typeof WHY] | undefined {
  return code === 'memory' || code === 'settings' ? WHY[code] : undefined
}

/** The part of a drawing that a frame shows, in the drawing's own units. Pure. */

/** How large a drawing is. */
export interface Box {
  width: number
  height: number
}

export interface Window {
  x: number
  y: number
  width: number
  height: number
}

const MARGIN = 16

/** All of it, in a frame of `shape` (width / height). */
export function wholeOf(drawing: Box, shape: number): Window {
  const width = drawing.width + 2 * MARGIN
  const height = drawing.height + 2 * MARGIN
  const seen = width / height > shape ? { width, height: width / shape } : { width: height * shape, height }
  return { x: -MARGIN - (seen.width - width) / 2, y: -MARGIN - (seen.height - height) / 2, ...seen }
}

/** Closer by `factor` (> 1) or further away, around a point of the drawing. */
export function zoomed(seen: Window, factor: number, around: { x: number; y: number }): Window {
  const width = Math.min(60_000, Math.max(160, seen.width / factor))
  const scale = width / seen.width
  return {
    x: around.x - (around.x - seen.x) * scale,
    y: around.y - (around.y - seen.y) * scale,
    width,
    height: seen.height * scale,
  }
}

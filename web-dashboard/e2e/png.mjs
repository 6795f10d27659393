// Makes a screenshot small: 8-bit RGB(A) becomes an image of 256 colours. Pages have few; the rest moves to the nearest.
import { crc32, deflateSync, inflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10])
const COLOURS = 256

export function smaller(png) {
  const { width, height, pixels } = decoded(png)
  const { palette, indices } = quantised(pixels)
  const rows = Buffer.alloc((width + 1) * height)
  for (let y = 0; y < height; y++) {
    Buffer.from(indices.buffer, y * width, width).copy(rows, y * (width + 1) + 1)
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, 3, 0, 0, 0], 8)
  const table = Buffer.from(palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]))
  const parts = [
    chunk('IHDR', head),
    chunk('PLTE', table),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]
  return Buffer.concat([SIGNATURE, ...parts])
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length, 0)
  body.copy(framed, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}

/** Width, height and one 24-bit colour a pixel. */
function decoded(png) {
  const width = png.readUInt32BE(16)
  const height = png.readUInt32BE(20)
  const [depth, kind] = [png[24], png[25]]
  if (depth !== 8 || (kind !== 2 && kind !== 6)) throw new Error(`a PNG of kind ${kind}, depth ${depth}`)
  const data = []
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at)
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(png.subarray(at + 8, at + 8 + length))
    at += length + 12
  }
  const step = kind === 6 ? 4 : 3
  const raw = unfiltered(inflateSync(Buffer.concat(data)), width * step, height, step)
  const pixels = new Uint32Array(width * height)
  for (let i = 0; i < pixels.length; i++) {
    pixels[i] = (raw[i * step] << 16) | (raw[i * step + 1] << 8) | raw[i * step + 2]
  }
  return { width, height, pixels }
}

/** Undoes the five filters of PNG (RFC 2083, section 6). */
function unfiltered(filtered, stride, height, step) {
  const out = Buffer.alloc(stride * height)
  for (let y = 0; y < height; y++) {
    const filter = filtered[y * (stride + 1)]
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x
      const left = x >= step ? out[at - step] : 0
      const up = y > 0 ? out[at - stride] : 0
      const corner = x >= step && y > 0 ? out[at - stride - step] : 0
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]
      out[at] = (filtered[y * (stride + 1) + 1 + x] + guess) & 255
    }
  }
  return out
}

function paeth(left, up, corner) {
  const guess = left + up - corner
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)]
  if (a <= b && a <= c) return left
  return b <= c ? up : corner
}

/** The most frequent colours, each a little apart from those before it, and every pixel's nearest of them. */
function quantised(pixels) {
  const counts = new Map()
  for (const colour of pixels) counts.set(colour, (counts.get(colour) ?? 0) + 1)
  const ranked = [...counts].sort((a, b) => b[1] - a[1]).map(([colour]) => colour)
  const palette = ranked.length <= COLOURS ? ranked : spread(ranked)
  const nearest = new Map(palette.map((colour, index) => [colour, index]))
  const indices = new Uint8Array(pixels.length)
  for (let i = 0; i < pixels.length; i++) {
    const colour = pixels[i]
    if (!nearest.has(colour)) nearest.set(colour, closest(palette, colour))
    indices[i] = nearest.get(colour)
  }
  return { palette, indices }
}

function spread(ranked) {
  const palette = ranked.slice(0, 48)
  for (const colour of ranked.slice(48)) {
    if (palette.length === COLOURS) break
    if (palette.every((one) => distance(one, colour) > 60)) palette.push(colour)
  }
  return palette
}

function closest(palette, colour) {
  let best = 0
  for (let i = 1; i < palette.length; i++) {
    if (distance(palette[i], colour) < distance(palette[best], colour)) best = i
  }
  return best
}

function distance(a, b) {
  const [r, g, u] = [(a >> 16) - (b >> 16), ((a >> 8) & 255) - ((b >> 8) & 255), (a & 255) - (b & 255)]
  return r * r + g * g + u * u
}

// What a browser must load, packed as the backend sends it to most (gzip). Fails when it grew beyond its budget.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const BUILT = join(import.meta.dirname, '../../backend/ui')
const KIB = 1024
const FIRST_JS = 260 * KIB
const FIRST_CSS = 45 * KIB
const CHUNK = 60 * KIB

const manifest = JSON.parse(readFileSync(join(BUILT, '.vite/manifest.json'), 'utf8'))
const packed = (file) => gzipSync(readFileSync(join(BUILT, file)), { level: 9 }).length

/** A file and all that it imports at once. */
function reachable(key, seen = new Set()) {
  if (seen.has(key)) return seen
  seen.add(key)
  for (const one of manifest[key].imports ?? []) reachable(one, seen)
  return seen
}

/** What the page itself names, and all that those import at once. */
const named = readFileSync(join(BUILT, 'index.html'), 'utf8')
const isNamed = (key) => named.includes(manifest[key].file)
const first = Object.keys(manifest)
  .filter(isNamed)
  .reduce((seen, key) => reachable(key, seen), new Set())
const ofKind = (end) => [...first].filter((key) => manifest[key].file.endsWith(end))
const pages = Object.keys(manifest).filter((key) => manifest[key].isDynamicEntry)

/** What a page adds to what is there already. */
const added = (key) => [...reachable(key)].filter((one) => !first.has(one))
const sum = (numbers) => numbers.reduce((all, one) => all + one, 0)
const cssOf = (keys) => [...new Set([...keys].flatMap((key) => manifest[key].css ?? []))]

/** One language is spoken from the first picture on; the heaviest counts. */
const LANGUAGES = [['src/i18n/en.json'], ['src/i18n/pt-BR.json', 'src/i18n/errors.pt-BR.json']]
const language = Math.max(...LANGUAGES.map((files) => sum(files.map((key) => packed(manifest[key].file)))))

const rows = [
  ['first load, JS', sum(ofKind('.js').map((key) => packed(manifest[key].file))) + language, FIRST_JS],
  [
    'first load, CSS',
    sum([...new Set([...ofKind('.css').map((key) => manifest[key].file), ...cssOf(first)])].map(packed)),
    FIRST_CSS,
  ],
  ...pages.map((key) => [key, sum(added(key).map((one) => packed(manifest[one].file))), CHUNK]),
]
let failed = 0
for (const [name, bytes, most] of rows) {
  const over = bytes > most
  failed += over ? 1 : 0
  const figure = `${(bytes / KIB).toFixed(1).padStart(7)} of ${String(most / KIB).padStart(3)} KiB`
  console.log(`${over ? 'OVER' : 'ok  '} ${figure}  ${name}`)
}
process.exit(failed > 0 ? 1 : 0)

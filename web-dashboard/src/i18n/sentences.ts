/** What an error says. `detail` holds the API's own English words where `text` says less than they do. */
export interface Told {
  text: string
  detail: string
  hint: string
}

interface Said {
  code: string
  message: string
  hint: string
  values: Readonly<Record<string, string>>
}

/** By language and code; in English the API's own words are the finest. */
const SENTENCES: Record<string, Record<string, string>> = {}

export function keepSentences(language: string, sentences: Record<string, string>): void {
  SENTENCES[language] = sentences
}

/** The finest sentence of `language` that the error's values fill; null where there is none. */
export function told(error: Said, language: string): Told | null {
  const sentences = SENTENCES[language] ?? {}
  for (const key of [`${error.code}.${error.values.about ?? ''}`, error.code]) {
    const text = filled(sentences[key], error.values)
    if (text === null) continue
    const detail = text.endsWith(':') ? error.message : ''
    const hint =
      filled(sentences[`${key}.hint`], error.values) ?? filled(sentences[`${error.code}.hint`], error.values)
    return { text, detail, hint: hint ?? error.hint }
  }
  return null
}

function filled(sentence: string | undefined, values: Said['values']): string | null {
  if (sentence === undefined) return null
  const names = [...sentence.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '')
  if (names.some((name) => values[name] === undefined)) return null
  return sentence.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '')
}

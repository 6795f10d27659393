import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { moment } from '../i18n/moment.ts'
import { useFormat } from '../i18n/useFormat.ts'

const TICK_MS = 1000
const NOW_SECONDS = 2

/** Unix seconds by this browser's clock, counted on while the component is there. */
export function useNow(everyMs = TICK_MS): number {
  const [now, setNow] = useState(() => Date.now() / 1000)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}

/** How long ago `at` was, in Unix seconds; the moment itself when pointed at. */
export function Ago({ at }: { at: number }) {
  const { t } = useTranslation()
  const format = useFormat()
  const now = useNow()
  const age = now - at
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={moment(format, at, now)}>
      {age < NOW_SECONDS ? t('time.now') : t('time.ago', { age: format.duration(Math.round(age)) })}
    </time>
  )
}

/** How long until `at`, or that it is over. */
export function Until({ at }: { at: number }) {
  const { t } = useTranslation()
  const format = useFormat()
  const now = useNow()
  const left = at - now
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={moment(format, at, now)}>
      {left <= 0 ? t('time.over') : t('time.in', { time: format.duration(Math.ceil(left)) })}
    </time>
  )
}

/** A moment with its day, when that is not today. */
export function When({ at }: { at: number }) {
  const format = useFormat()
  const when = new Date(at * 1000).toISOString()
  return (
    <time dateTime={when} title={when}>
      {moment(format, at, Date.now() / 1000)}
    </time>
  )
}

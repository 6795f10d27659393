import type { Format } from './format.ts'

/** The time of day, with the day before it when that is another one. `now` in Unix seconds. */
export function moment(format: Format, at: number, now: number): string {
  const day = (seconds: number) => {
    const when = new Date(seconds * 1000)
    const two = (value: number) => String(value).padStart(2, '0')
    return `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())}`
  }
  return day(at) === day(now) ? format.time(at) : `${format.day(day(at))} ${format.time(at)}`
}

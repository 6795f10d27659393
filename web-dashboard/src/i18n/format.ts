/** Figures as people of a language read them. Pure: the language comes in. */

const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
const DASH = '–'

export interface Format {
  /** A plain number; at most `digits` after the point. */
  number(value: number | null | undefined, digits?: number): string
  /** 0-100 as a percentage. */
  percent(value: number | null | undefined): string
  bytes(value: number | null | undefined): string
  /** Seconds as the largest two units that fit; below one second in milliseconds. */
  duration(seconds: number | null | undefined): string
  /** Watt-hours; from a thousand on in kilowatt-hours. */
  energy(wattHours: number | null | undefined): string
  /** An amount in `currency` (ISO 4217); less than a cent with its first two figures. */
  money(amount: number | null | undefined, currency: string): string
  /** A day written as `2027-01-31`. */
  day(day: string): string
  /** The time of day of Unix `seconds`. */
  time(seconds: number): string
}

export function formatOf(language: string): Format {
  const number = (value: number, digits: number) =>
    new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value)
  const unit = (value: number, name: string, digits = 0) =>
    new Intl.NumberFormat(language, {
      style: 'unit',
      unit: name,
      unitDisplay: name === 'day' ? 'long' : 'short',
      maximumFractionDigits: digits,
    }).format(value)

  return {
    number: (value, digits = 1) => (isFigure(value) ? number(value, value >= 100 ? 0 : digits) : DASH),
    percent: (value) => (isFigure(value) ? unit(value, 'percent') : DASH),
    bytes: (value) => {
      if (!isFigure(value)) return DASH
      const step = value < 1 ? 0 : Math.min(BINARY.length - 1, Math.floor(Math.log2(value) / 10))
      const scaled = value / 1024 ** step
      return `${number(scaled, scaled < 10 && step > 0 ? 1 : 0)} ${BINARY[step]}`
    },
    duration: (seconds) => {
      if (!isFigure(seconds)) return DASH
      if (seconds < 1) return unit(Math.round(seconds * 1000), 'millisecond')
      if (seconds < 10) return unit(seconds, 'second', 1)
      return longDuration(seconds, unit)
    },
    energy: (value) => {
      if (!isFigure(value)) return DASH
      return value < 1000 ? `${number(value, 1)} Wh` : `${number(value / 1000, value < 100_000 ? 2 : 0)} kWh`
    },
    money: (amount, currency) =>
      isFigure(amount)
        ? new Intl.NumberFormat(language, {
            style: 'currency',
            currency,
            ...(amount > 0 && amount < 0.01 ? { maximumSignificantDigits: 2 } : {}),
          }).format(amount)
        : DASH,
    day: (day) =>
      Number.isNaN(Date.parse(day))
        ? DASH
        : new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', timeZone: 'UTC' }).format(
            new Date(day),
          ),
    time: (seconds) =>
      new Intl.DateTimeFormat(language, {
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
        hourCycle: 'h23',
      }).format(seconds * 1000),
  }
}

function longDuration(seconds: number, unit: (value: number, name: string) => string): string {
  const whole = Math.floor(seconds)
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), 'day'],
    [Math.floor(whole / 3600) % 24, 'hour'],
    [Math.floor(whole / 60) % 60, 'minute'],
    [whole % 60, 'second'],
  ]
  const first = parts.findIndex(([value]) => value > 0)
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, name]) => unit(value, name))
    .join(' ')
}

function isFigure(value: number | null | undefined): value is number {
  return value !== null && value !== undefined && Number.isFinite(value)
}

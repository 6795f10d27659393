import { formatOf } from './format.ts'

const en = formatOf('en')
const pt = formatOf('pt-BR')

test('bytes are counted in powers of two and written as the language does', () => {
  expect(en.bytes(0)).toBe('0 B')
  expect(en.bytes(1023)).toBe('1,023 B')
  expect(en.bytes(1536)).toBe('1.5 KiB')
  expect(pt.bytes(1536)).toBe('1,5 KiB')
  expect(en.bytes(24 * 1024 ** 3)).toBe('24 GiB')
})

test('durations show the two largest units', () => {
  expect(en.duration(0.042)).toBe('42 ms')
  expect(en.duration(2.34)).toBe('2.3 sec')
  expect(en.duration(3 * 3600 + 12 * 60 + 5)).toBe('3 hr 12 min')
  expect(en.duration(86_400)).toBe('1 day')
  expect(pt.duration(2 * 86_400 + 3600)).toBe('2 dias 1 h')
})

test('what was never measured is a dash', () => {
  expect(en.duration(null)).toBe('–')
  expect(en.number(undefined)).toBe('–')
  expect(en.bytes(Number.NaN)).toBe('–')
})

test('energy, money and days are written as the language does', () => {
  expect([en.energy(0), en.energy(12.34), en.energy(1234), pt.energy(123_456)]).toEqual([
    '0 Wh',
    '12.3 Wh',
    '1.23 kWh',
    '123 kWh',
  ])
  expect(en.money(1234.5, 'EUR')).toBe('€1,234.50')
  expect(pt.money(0.5, 'BRL')).toBe('R$\u00a00,50')
  expect(en.money(0.00123, 'USD')).toBe('$0.0012')
  expect(en.money(null, 'USD')).toBe('–')
  expect(en.day('2027-03-01')).toBe('Mar 1')
  expect(pt.day('2027-12-31')).toBe('31 de dez.')
  expect(en.day('')).toBe('–')
})

test('large figures lose their fraction', () => {
  expect(en.number(1234.56)).toBe('1,235')
  expect(pt.number(12.34)).toBe('12,3')
  expect(en.percent(12.4)).toBe('12%')
})

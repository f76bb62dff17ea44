// Numbers, sizes and times as people read them. All text is English; figures are grouped by commas.
const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 })
const significant = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 4 })

export const count = (n) => grouped.format(n)

// For tiles: 12,345 as it is, 3.21M above that.
export const compact = (n) => (Math.abs(n) < 100000 ? grouped.format(n) : short.format(n))

// A chart's axis.
export const axis = (n) => (n === 0 || n >= 10 ? compact(n) : String(Number(n.toPrecision(2))))

export function rate(perSecond) {
  if (perSecond === null) return '–'
  return perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : compact(Math.round(perSecond))
}

// A field's value: integers whole, others with four figures at least, very large and small ones by exponent.
export function value(v) {
  if (typeof v !== 'number') return String(v)
  if (Number.isSafeInteger(v)) return grouped.format(v)
  const size = Math.abs(v)
  if (size >= 1000 && size < 1e15) return grouped.format(v)
  return size !== 0 && (size >= 1e15 || size < 1e-4) ? v.toExponential(3) : significant.format(v)
}

export function bytes(n) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  let unit = 0
  while (n >= 999.5 && unit < units.length - 1) {
    n /= 1000
    unit++
  }
  return `${unit === 0 ? n : n.toPrecision(3)} ${units[unit]}`
}

export function percent(part, whole) {
  if (whole === 0) return '–'
  const p = (100 * part) / whole
  if (part !== whole && p > 99.9) return '> 99.9 %' // never rounded up to all
  if (part !== 0 && p < 0.1) return '< 0.1 %'
  return `${p.toFixed(p === 100 || p === 0 ? 0 : 1)} %`
}

export function duration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86400)} d`
}

// "3 s ago" of an RFC 3339 time, by the collector's clock.
export function ago(time, nowMs) {
  if (!time) return '–'
  const seconds = (nowMs - Date.parse(time)) / 1000
  if (seconds < 1.5) return 'now'
  return `${duration(seconds)} ago`
}

// "2026-11-23 19:00:00 UTC"; zone '' where a heading says it.
export const moment = (time, zone = ' UTC') => (time ? `${time.slice(0, 10)} ${time.slice(11, 19)}${zone}` : '')
export const clock = (ms) => new Date(ms).toISOString().slice(11, 19)

// "too_big" as words.
export const words = (name) => name.replaceAll('_', ' ')

// Bytes as text where they are text, else as hex; at most `limit` characters.
export function bytesAsText(base64, limit) {
  const raw = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
  let text
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(raw)
    if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text)) throw new Error('control bytes')
  } catch {
    text = Array.from(raw.subarray(0, limit), (b) => b.toString(16).padStart(2, '0')).join(' ')
  }
  return text.length > limit ? `${text.slice(0, limit)}…` : text
}

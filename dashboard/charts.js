// Small charts in SVG, drawn by attributes only: no markup is ever parsed.
const NS = 'http://www.w3.org/2000/svg'

function shape(name, attributes, text) {
  const node = document.createElementNS(NS, name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  if (text !== undefined) node.textContent = text
  return node
}

function prepare(svg, width, height, label) {
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
  svg.setAttribute('aria-label', label)
}

// The least of 1, 2 or 5 times a power of ten that is not below v.
function niceTop(v) {
  if (v <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(v))
  return [1, 2, 5, 10].map((f) => f * power).find((top) => top >= v * 0.999)
}

// A line through values, the newest at the right edge; null: not known, a gap. slots: values in the whole width.
function trace(values, slots, { left, right, top, bottom }, scale) {
  let line = ''
  let area = ''
  let open = false
  let x = 0
  const y = (v) => (bottom - (v / scale) * (bottom - top)).toFixed(1)
  values.forEach((v, i) => {
    if (v === null) {
      if (open) area += `L${x} ${bottom}Z`
      open = false
      return
    }
    x = (right - ((values.length - 1 - i) * (right - left)) / (slots - 1)).toFixed(1)
    line += `${open ? 'L' : 'M'}${x} ${y(v)}`
    area += open ? `L${x} ${y(v)}` : `M${x} ${bottom}L${x} ${y(v)}`
    open = true
  })
  if (open) area += `L${x} ${bottom}Z`
  return { line, area }
}

export function sparkline(svg, values, slots, label) {
  const box = { left: 1, right: 139, top: 2, bottom: 27 }
  const scale = Math.max(1e-9, ...values.filter((v) => v !== null))
  const { line, area } = trace(values, slots, box, scale)
  prepare(svg, 140, 28, label)
  svg.replaceChildren(
    shape('path', { d: `M${box.left} ${box.bottom}H${box.right}`, class: 'base' }),
    shape('path', { d: area, class: 'area' }),
    shape('path', { d: line, class: 'line' }))
}

// Events per second with its axis. The svg fills its place; its unit is the pixel.
export function flow(svg, values, slots, stepSeconds, label, format) {
  const width = Math.max(240, svg.clientWidth)
  const height = Math.max(120, svg.clientHeight)
  const box = { left: 52, right: width - 8, top: 12, bottom: height - 22 }
  const scale = niceTop(Math.max(0, ...values.filter((v) => v !== null)))
  const { line, area } = trace(values, slots, box, scale)
  const parts = []
  for (const share of [0, 0.5, 1]) {
    const y = box.bottom - share * (box.bottom - box.top)
    parts.push(shape('path', { d: `M${box.left} ${y}H${box.right}`, class: share === 0 ? 'base' : 'grid' }))
    parts.push(shape('text', { x: box.left - 8, y: y + 4, class: 'tick end' }, format(share * scale)))
  }
  const span = Math.round(((slots - 1) * stepSeconds) / 10) * 10
  const back = span < 120 ? `${span} s ago` : `${(span / 60).toFixed(span % 60 ? 1 : 0)} min ago`
  for (const [share, text, place] of [[0, back, 'start'], [1, 'now', 'end']])
    parts.push(shape('text', { x: box.left + share * (box.right - box.left), y: height - 5, class: `tick ${place}` }, text))
  prepare(svg, width, height, label)
  svg.replaceChildren(...parts, shape('path', { d: area, class: 'area' }), shape('path', { d: line, class: 'line' }))
}

const WIDEST_BAR = 36

// One bar per item {value, title}.
export function bars(svg, items, label, format) {
  const width = Math.max(240, svg.clientWidth)
  const height = Math.max(80, svg.clientHeight)
  const box = { left: 52, right: width - 8, top: 10, bottom: height - 6 }
  const scale = niceTop(Math.max(0, ...items.map((item) => item.value)))
  const step = Math.min(WIDEST_BAR, (box.right - box.left) / Math.max(items.length, 1))
  const left = box.right - items.length * step // the newest at the right edge
  const parts = [0, 1].flatMap((share) => {
    const y = box.bottom - share * (box.bottom - box.top)
    return [shape('path', { d: `M${box.left} ${y}H${box.right}`, class: share === 0 ? 'base' : 'grid' }),
      shape('text', { x: box.left - 8, y: y + 4, class: 'tick end' }, format(share * scale))]
  })
  items.forEach((item, i) => {
    const tall = (item.value / scale) * (box.bottom - box.top)
    const bar = shape('rect', { x: (left + i * step + Math.min(1, step / 8)).toFixed(1), y: (box.bottom - tall).toFixed(1),
      width: Math.max(1, step - Math.min(2, step / 4)).toFixed(1), height: tall.toFixed(1), class: 'bar' })
    bar.append(shape('title', {}, item.title))
    parts.push(bar)
  })
  prepare(svg, width, height, label)
  svg.replaceChildren(...parts)
}

// One stream: quality numbers of its fields, events per minute, and what was set aside with which reason.
import { bars } from './charts.js'
import { showViolations } from './contract.js'
import { ago, axis, bytesAsText, count, moment, percent, value } from './format.js'
import { byId, make, setText, should0, table } from './view.js'

const SPANS = { hour: 3600e3, day: 86400e3 }
const EXAMPLES = 500 // rows set aside that are read to group them
const NEWEST = 5
const SHOWN_EXAMPLES = 3 // of a cause
const LONGEST = 400  // characters of an event

const isLength = (field) => field.min_length !== undefined

function range(field, which) {
  const length = field[`${which}_length`]
  if (length !== undefined) return { text: `${value(length)} B`, title: 'length in bytes' }
  return field[which] === undefined ? { text: '–', tone: 'quiet' } : value(field[which])
}

const showFields = table('fields', {
  head: 0,
  decorate(row) {
    const meter = make('span', 'meter')
    meter.append(make('span'))
    row.cells[2].append(meter, make('span', 'meter-text'))
  },
  cells(field, row) {
    const places = field.present + field.null
    row.querySelector('.meter span').style.width = `${places ? (100 * field.present) / places : 0}%`
    setText(row.querySelector('.meter-text'), percent(field.present, places))
    row.cells[2].title = `${count(field.present)} of ${count(places)}`
    return [field.path || '(unknown fields)', { text: field.type, tone: 'type' }, null, should0(field.null, count, ''),
      field.zero === undefined ? { text: '–', tone: 'quiet' } : should0(field.zero, count, ''), range(field, 'min'), range(field, 'mean'),
      range(field, 'max'), field.distinct === undefined ? { text: '–', tone: 'quiet' } : count(field.distinct)]
  },
})

const showAside = table('aside', {
  head: 1,
  decorate(row) { row.cells[2].append(make('code')) },
  cells(group, row) {
    setText(row.querySelector('code'), group.examples.join('\n'))
    return [count(group.rows), group.reason, null, { text: ago(group.received, group.nowMs), title: moment(group.received) }]
  },
})

const showNewest = table('newest', {
  head: 0,
  decorate(row) { row.cells[3].append(make('code')) },
  cells(event, row) {
    setText(row.querySelector('code'), event.text.length > LONGEST ? `${event.text.slice(0, LONGEST)}…` : event.text)
    return [count(event.offset), moment(event.event_time, ''), `${event.app} ${event.version}`, null]
  },
})

function fieldsNote(total) {
  const notes = []
  if (total.fields.some(isLength)) notes.push('Of texts and bytes, least, mean and greatest are those of their lengths.')
  if (total.fields.some((f) => f.distinct > 300)) notes.push('Distinct counts above a few hundred are estimates (±1.6 %).')
  const odd = total.fields.filter((f) => f.nan || f.infinite)
  for (const f of odd) notes.push(`${f.path}: ${count(f.nan ?? 0)} not a number, ${count(f.infinite ?? 0)} infinite.`)
  return notes.join(' ')
}

function showMinutes(windows) {
  const minutes = new Map()
  for (const w of windows) minutes.set(w.from, (minutes.get(w.from) ?? 0) + w.rows)
  byId('minutes-part').hidden = minutes.size < 2
  if (minutes.size < 2) return
  const items = [...minutes].map(([from, rows]) => ({ value: rows, title: `${moment(from)}: ${count(rows)} events` }))
  const caption = `Events per minute of receipt, the newest ${items.length} minutes with events`
  setText(byId('minutes-caption'), caption)
  bars(byId('minutes'), items, `${caption}; most: ${count(Math.max(...items.map((i) => i.value)))}`, axis)
}

// Reasons that differ in their numbers only are one.
const kindOf = (reason) => reason.replace(/\d+/g, '#')

function groupAside(rows, nowMs) {
  const groups = new Map()
  for (const row of rows) {
    const group = groups.get(kindOf(row.reason)) ?? { rows: 0, examples: [] }
    group.rows += row.count
    Object.assign(group, { kind: kindOf(row.reason), reason: row.reason, received: row.receive_time, nowMs })
    if (row.bytes !== undefined) group.examples = [bytesAsText(row.bytes, 120), ...group.examples].slice(0, SHOWN_EXAMPLES)
    groups.set(group.kind, group)
  }
  return [...groups.values()].sort((a, b) => b.rows - a.rows)
}

const ndjson = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line))
const path = (stream, what) => `api/v1/streams/${encodeURIComponent(stream.name)}/${what}`

async function readNewest(get, stream) {
  const from = Math.max(0, stream.next_offset - NEWEST)
  const lines = (await (await get(path(stream, `events?from=${from}&limit=${NEWEST}`))).text()).split('\n')
  // data stands last, and is shown as it came: 64-bit integers do not fit JavaScript's numbers
  const events = lines.filter((line) => line.includes(',"data":'))
    .map((line) => ({ ...JSON.parse(line), text: line.slice(line.indexOf(',"data":') + 8, -1) })).reverse()
  byId('newest-part').hidden = events.length === 0
  showNewest(events, (event) => event.offset)
}

// A batch set aside whole is one record of many rows, so the newest records begin somewhere before the newest rows.
async function readAside(get, stream) {
  const lines = async (from) => ndjson(await (await get(path(stream, `quarantine?from=${from}&limit=${EXAMPLES}`))).text())
  const newest = await lines(Math.max(0, stream.quarantined - EXAMPLES))
  return newest.length > 0 || stream.quarantined <= EXAMPLES ? newest : lines(0)
}

async function showQuarantine(get, stream, nowMs) {
  byId('aside-part').hidden = stream.quarantined === 0
  if (stream.quarantined === 0) return
  const rows = await readAside(get, stream)
  const shown = rows.reduce((sum, row) => sum + row.count, 0)
  showAside(groupAside(rows, nowMs), (group) => group.kind)
  setText(byId('aside-note'), shown < stream.quarantined ? `Of ${count(stream.quarantined)} rows set aside, ${count(shown)} were looked at.` : '')
}

export async function showDetail(get, stream, span, nowMs) {
  const since = SPANS[span] ? `&since=${new Date(nowMs - SPANS[span]).toISOString()}` : ''
  const answer = await get(path(stream, `quality?windows=60${since}`))
  const { total, windows, damaged } = await answer.json()
  byId('detail').hidden = false // charts want their width
  setText(byId('detail-title'), stream.name)
  setText(byId('detail-sub'), total.rows === 0
    ? 'No events in this span of time.'
    : `${count(total.rows)} events received from ${moment(total.from)} to ${moment(total.to)}`
      + (damaged ? `; ${count(damaged)} minutes cannot be read any more` : ''))
  showFields(total.fields, (field) => `${field.path} ${field.type}`)
  setText(byId('fields-note'), fieldsNote(total))
  showMinutes(windows)
  showViolations(stream.violations ?? [], nowMs)
  await readNewest(get, stream)
  await showQuarantine(get, stream, nowMs)
}

// The status page: asks the API every two seconds while it is looked at, and shows what it says.
import { flow, sparkline } from './charts.js'
import { showDetail } from './detail.js'
import { ago, axis, bytes, clock, compact, count, duration, moment, rate, words } from './format.js'
import { History, slots } from './history.js'
import { byId, make, setText, should0, table } from './view.js'

const EVERY_MS = 2000
const FIRST_MS = 700       // the second look, which gives the first rate
const MOST_ROWS = 200      // of a table; the API has all
const DETAIL_EVERY_MS = 6000
const PATIENCE_MS = 8000

const total = new History()
const histories = new Map() // by stream name
let chosen = decodeURIComponent(location.hash.slice(1)) || null
let streams = []
let heardMs = null   // when the last answer came, by this machine's clock
let serverMs = null  // what the collector's clock said then
let detailMs = -Infinity
let detailOf = null

const nowMs = () => (heardMs === null ? Date.now() : serverMs + (Date.now() - heardMs))
const sum = (items, of) => items.reduce((s, item) => s + of(item), 0)
const droppedOf = (line) => sum(Object.values(line.dropped), (n) => n)

async function get(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS), cache: 'no-store' })
  if (!answer.ok) {
    const { error } = await answer.json().catch(() => ({ error: { text: `status ${answer.status}` } }))
    throw Object.assign(new Error(error.text), { answered: true })
  }
  return answer
}
const json = async (path) => (await get(path)).json()

/* ---- streams ---- */

function choose(name) {
  chosen = name
  history.replaceState(null, '', `#${encodeURIComponent(name)}`)
  detailMs = -Infinity
  drawStreams()
  refreshDetail().catch(unreachable)
}

const drawStreamRows = table('streams', {
  head: 0,
  decorate(row, stream) {
    const button = make('button', 'link', stream.name)
    button.type = 'button'
    button.setAttribute('aria-controls', 'detail')
    button.addEventListener('click', () => choose(stream.name))
    row.cells[0].append(button)
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
    svg.setAttribute('role', 'img')
    svg.setAttribute('class', 'spark')
    row.cells[2].append(svg)
  },
  cells(stream, row) {
    const past = histories.get(stream.name)
    const stored = sum(Object.values(stream.stored_bytes), (n) => n)
    const most = Math.max(0, ...past.values)
    row.toggleAttribute('data-chosen', stream.name === chosen)
    row.querySelector('button').setAttribute('aria-expanded', String(stream.name === chosen))
    sparkline(row.querySelector('svg'), past.values, slots(total), `Events per second of ${stream.name}: now ${rate(past.rate)}, at most ${rate(most)}`)
    return [null, { text: rate(past.rate), tone: past.rate ? 'live' : 'quiet' }, null, count(stream.rows),
      should0(stream.quarantined, count, 'warn'),
      stream.rows ? { text: (stored / stream.rows).toFixed(1), title: `${bytes(stored)} in all` } : { text: '–', tone: 'quiet' },
      { text: ago(stream.newest_receive_time, nowMs()), title: moment(stream.newest_receive_time) }]
  },
})

// Those that most events came to, when there are too many to show.
function drawStreams() {
  const shown = streams.length <= MOST_ROWS ? streams : [...streams].sort((a, b) => b.rows - a.rows).slice(0, MOST_ROWS)
  drawStreamRows(shown, (s) => s.name)
}

function takeStreams(answer, atMs) {
  streams = answer.streams
  for (const s of streams) {
    if (!histories.has(s.name)) histories.set(s.name, new History())
    histories.get(s.name).add(s.rows, atMs)
  }
  total.add(sum(streams, (s) => s.rows), atMs)
  if (!streams.some((s) => s.name === chosen)) chosen = null
  if (chosen === null && streams.length > 0) chosen = streams.reduce((a, b) => (b.rows > a.rows ? b : a)).name
}

/* ---- the rest of the page ---- */

const drawLedger = table('ledger', {
  head: 0,
  cells(line) {
    const dropped = droppedOf(line)
    const off = line.logged - line.accepted - line.quarantined - dropped - line.in_flight - line.missing
    const reasons = Object.entries(line.dropped).filter(([, n]) => n > 0).map(([reason, n]) => `${count(n)} ${words(reason)}`).join(', ')
    return [line.stream || '(unknown)', line.app || '–', line.version || '–', count(line.logged), count(line.accepted),
      should0(line.quarantined, count, 'warn'), { text: reasons || '0', tone: dropped ? 'warn' : 'quiet' },
      should0(line.in_flight, count, ''), should0(line.missing, count, 'bad'), should0(line.trimmed, count, ''),
      off === 0 ? { text: '✓ balances', tone: 'good' } : { text: `✗ off by ${count(off)}`, tone: 'bad' }]
  },
})

const drawProducers = table('producers', {
  head: 0,
  cells(p) {
    const state = p.connected ? ['connected', 'good'] : p.closed ? ['closed', 'quiet'] : ['away', 'warn']
    return [p.app || '–', p.version || '–', p.host || '–', String(p.pid), { text: state[0], tone: state[1] },
      { text: p.connected ? 'now' : ago(p.last_seen, nowMs()), title: moment(p.last_seen) }, count(p.logged), count(p.accepted),
      should0(p.quarantined, count, 'warn'), should0(p.dropped, count, 'warn'), should0(p.in_flight, count, ''),
      should0(p.missing, count, 'bad'), { text: p.incarnation.slice(0, 8), title: `incarnation ${p.incarnation}, since ${moment(p.born)}`, tone: 'type' }]
  },
})

const drawSinks = table('sinks', {
  head: 0,
  cells(s) {
    return [s.name, s.type, s.target, s.failing ? { text: `failing: ${s.reason}`, tone: 'bad' } : { text: 'delivering', tone: 'good' },
      should0(s.lag_rows, (n) => `${count(n)} events`, ''), `${count(s.rows)} events`, bytes(s.bytes), should0(s.failures, count, 'warn')]
  },
})

function drawTotals(answer, lines) {
  const dropped = sum(lines, droppedOf)
  const reasons = {}
  for (const line of lines) for (const [reason, n] of Object.entries(line.dropped)) if (n > 0) reasons[reason] = (reasons[reason] ?? 0) + n
  const store = answer.store
  const figures = { stored: sum(streams, (s) => s.rows), quarantined: sum(lines, (l) => l.quarantined), dropped,
    'in-flight': sum(lines, (l) => l.in_flight), missing: sum(lines, (l) => l.missing) }
  for (const [name, n] of Object.entries(figures)) {
    const node = byId(`total-${name}`)
    setText(node, compact(n))
    node.title = count(n)
    node.dataset.tone = n > 0 ? { quarantined: 'warn', dropped: 'warn', missing: 'bad' }[name] ?? '' : ''
  }
  setText(byId('total-rate'), rate(total.rate))
  setText(byId('total-stored-sub'), `events of ${count(streams.length)} ${streams.length === 1 ? 'stream' : 'streams'}`)
  setText(byId('total-dropped-sub'), dropped ? Object.entries(reasons).map(([reason, n]) => `${compact(n)} ${words(reason)}`).join(', ') : 'calls that became no event')
  setText(byId('total-disk'), bytes(store.blob_bytes + store.sst_bytes + store.wal_bytes))
  setText(byId('total-disk-sub'), `${bytes(store.wal_bytes)} of it write-ahead log`)
  flow(byId('flow'), total.values, slots(total), EVERY_MS / 1000, `Events per second of all streams: now ${rate(total.rate)}`, axis)
}

function drawReadiness(answer) {
  const pill = byId('readiness')
  setText(pill, !answer.ready ? `not storing: ${answer.reason || 'no reason given'}` : answer.memory_only ? 'for tests: in memory only' : 'ready')
  pill.dataset.tone = !answer.ready ? 'bad' : answer.memory_only ? 'warn' : 'good'
  byId('trouble').hidden = true
  document.body.removeAttribute('data-stale')
  setText(byId('version'), `headraced ${answer.version}, up ${duration((nowMs() - Date.parse(answer.started)) / 1000)}`)
}

const only = (items) => (items.length > MOST_ROWS ? `, the first ${MOST_ROWS}` : '')

function draw(answer, ledger, producers, sinks) {
  const lines = ledger.lines
  const unbalanced = lines.filter((l) => l.logged !== l.accepted + l.quarantined + droppedOf(l) + l.in_flight + l.missing).length
  drawReadiness(answer)
  byId('welcome').hidden = streams.length > 0 || lines.length > 0
  byId('figures').hidden = !byId('welcome').hidden
  drawTotals(answer, lines)
  drawStreams()
  drawLedger(lines.slice(0, MOST_ROWS), (l) => JSON.stringify([l.stream, l.app, l.version]))
  setText(byId('balance'), lines.length === 0 ? 'empty' : unbalanced === 0 ? '✓ balances' : `✗ ${unbalanced} of ${lines.length} lines do not add up`)
  byId('balance').dataset.tone = lines.length === 0 ? '' : unbalanced === 0 ? 'good' : 'bad'
  drawProducers(producers.slice(0, MOST_ROWS), (p) => p.incarnation)
  const connected = producers.filter((p) => p.connected).length
  setText(byId('producers-sub'), `${count(connected)} connected, ${count(producers.length - connected)} closed or away; one line for each start of a client${only(producers)}.`)
  setText(byId('ledger-note'), lines.length > MOST_ROWS ? `The first ${MOST_ROWS} of ${count(lines.length)} lines; /api/v1/ledger has all.` : '')
  byId('sinks-part').hidden = sinks.length === 0
  drawSinks(sinks, (s) => s.name)
}

/* ---- asking ---- */

async function refreshDetail() {
  const stream = streams.find((s) => s.name === chosen)
  if (!stream) {
    byId('detail').hidden = true
    return
  }
  const span = document.querySelector('input[name=span]:checked').value
  if (detailOf === stream.name + span && performance.now() - detailMs < DETAIL_EVERY_MS) return
  detailOf = stream.name + span
  detailMs = performance.now()
  await showDetail(get, stream, span, nowMs())
}

function unreachable(error) {
  const since = heardMs === null ? '' : ` Figures below are of ${clock(heardMs)} UTC.`
  const what = error.answered ? `The collector cannot tell all: ${error.message}.` : `The collector does not answer (${error.message}).`
  setText(byId('trouble'), `${what} Asking again every ${EVERY_MS / 1000} seconds.${since}`)
  byId('trouble').hidden = false
  byId('readiness').dataset.tone = 'bad'
  setText(byId('readiness'), error.answered ? 'in trouble' : 'unreachable')
  document.body.setAttribute('data-stale', '')
}

async function refresh() {
  try {
    const [answer, ledger, { producers }, { sinks }] = await Promise.all(
      ['streams', 'ledger', 'producers', 'sinks'].map((what) => json(`api/v1/${what}`)))
    heardMs = Date.now()
    serverMs = Date.parse(answer.now)
    takeStreams(answer, performance.now())
    draw(answer, ledger, producers, sinks)
    await refreshDetail()
  } catch (error) {
    unreachable(error)
  }
}

async function tick() {
  if (!document.hidden) await refresh()
  const heard = heardMs === null ? 'no answer yet' : `last answer ${ago(new Date(heardMs).toISOString(), Date.now())}`
  setText(byId('heard'), heard)
  setTimeout(tick, total.values.length === 0 && heardMs !== null ? FIRST_MS : EVERY_MS)
}

setText(byId('where'), location.host)
document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh() })
for (const input of document.querySelectorAll('input[name=span]')) input.addEventListener('change', () => refreshDetail().catch(unreachable))
tick()

// Holds what the program counted against the collector's ledger, and looks for what a person would want to know about the
// data, all through the HTTP API. Exits 1 when any term differs, or something is missing or in flight.
// usage: node findings.mjs http://127.0.0.1:PORT counts.json
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const [base, countsPath] = process.argv.slice(2)
const counted = JSON.parse(readFileSync(countsPath, 'utf8'))
const number = (n) => n.toLocaleString('en-US')
const share = (part, whole) => `${((100 * part) / whole).toFixed(1)} %`

async function get(path) {
  const answer = await fetch(base + path, { signal: AbortSignal.timeout(60000) })
  if (!answer.ok) throw new Error(`${base}${path}: HTTP status ${answer.status}: ${await answer.text()}`)
  return answer.text()
}
const json = async (path) => JSON.parse(await get(path))
const ndjson = async (path) => (await get(path)).split('\n').filter(Boolean).map((line) => JSON.parse(line))

async function compare() {
  const { lines } = await json('/api/v1/ledger')
  const wrong = []
  for (const [stream, expected] of Object.entries(counted)) {
    const sum = { logged: 0, accepted: 0, quarantined: 0, dropped: 0, in_flight: 0, missing: 0 }
    for (const line of lines.filter((l) => l.stream === stream)) {
      for (const term of Object.keys(sum)) {
        const value = line[term]
        sum[term] += typeof value === 'object' ? Object.values(value).reduce((a, b) => a + b, 0) : value
      }
    }
    const logged = expected.accepted + expected.quarantined + expected.dropped
    for (const [term, value] of Object.entries({ logged, ...expected, in_flight: 0, missing: 0 }))
      if (sum[term] !== value) wrong.push(`${stream}: ${term} is ${number(sum[term])} in the ledger; the program counted ${number(value)}`)
  }
  return wrong
}

// Quality numbers follow the acknowledgement by a few seconds: they are asked for until they hold every accepted row.
async function total(stream) {
  for (let tries = 0; ; tries++) {
    const { total } = await json(`/api/v1/streams/${stream}/quality`)
    if (total.rows === counted[stream].accepted) return total
    if (tries === 300) throw new Error(`${stream}: quality numbers of ${number(total.rows)} rows, of ${number(counted[stream].accepted)} accepted`)
    await sleep(100)
  }
}
const field = (quality, path) => quality.fields.find((f) => f.path === path)

async function movies() {
  const aside = await ndjson('/api/v1/streams/demo.Movie/quarantine?limit=1000')
  const titles = aside.map((row) => /title: expected a string, found the number (\d+)/.exec(row.reason)?.[1]).filter(Boolean)
  const quality = await total('demo.Movie')
  const dvd = field(quality, 'us_dvd_sales')
  const future = (await ndjson('/api/v1/streams/demo.Movie/events?limit=10000'))
    .map((event) => event.data).filter((movie) => Number(movie.release_date?.slice(-4)) > 2010)
  return [
    `Movies: ${titles.length} titles are numbers, not texts (${titles.join(', ')}). They were set aside with that reason, not`,
    `  guessed at. DVD sales are missing in ${share(dvd.null, dvd.null + dvd.present)} of the rest, and ${number(future.length)} of these films from before 2011 claim to`,
    `  be released later, up to ${Math.max(...future.map((m) => Number(m.release_date.slice(-4))))}: two-digit years, read in the wrong century.`,
  ]
}

async function birdstrikes() {
  const events = (await ndjson('/api/v1/streams/demo.BirdStrike/events?limit=100000')).map((event) => event.data)
  const free = events.filter((e) => e.cost_total === 0)
  const damaged = free.filter((e) => e.damage !== 'None')
  const speed = field(await total('demo.BirdStrike'), 'speed_knots')
  return [
    `Bird strikes: ${share(free.length, events.length)} cost 0 dollars, also ${number(damaged.length)} that report damage: here 0 means "not known". A mean of`,
    `  this column says nothing. The speed is missing in ${share(speed.null, speed.null + speed.present)} of the reports.`,
  ]
}

async function flights() {
  const quality = await total('demo.Flight')
  const delay = field(quality, 'delay')
  const hours = (minutes) => `${Math.floor(Math.abs(minutes) / 60)} h ${Math.abs(minutes) % 60} min`
  return [
    `Flights: delays run from ${number(delay.min)} to ${number(delay.max)} minutes around a mean of ${delay.mean.toFixed(1)}. Nobody leaves ${hours(delay.min)} early;`,
    '  such a row is a date on the wrong side of midnight, and a model trained on it learns that.',
  ]
}

console.log('Three things to know before anyone relies on these data:\n')
for (const finding of [movies, birdstrikes, flights]) console.log((await finding()).map((l) => `  ${l}`).join('\n') + '\n')
const wrong = await compare()
for (const line of wrong) console.error(line)
if (wrong.length === 0) console.log('The ledger agrees with the program in every term; nothing is missing, nothing in flight.')
process.exit(wrong.length === 0 ? 0 : 1)

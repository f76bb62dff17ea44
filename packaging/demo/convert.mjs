// Turns the data sets of vega-datasets into what demo.c reads with a few lines of C:
//   flights.tsv         time_us, delay, distance, origin, destination; 3,000,000 lines in the order of the file
//   birdstrikes.ndjson  objects as in the CSV, empty cells left out
//   movies.ndjson       objects as they are in movies.json
// usage: node convert.mjs FOLDER [flight rows]
import { createReadStream, createWriteStream, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asyncBufferFromFile, parquetRead } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'

const [folder, wanted = '3000000'] = process.argv.slice(2)
const data = (name) => fileURLToPath(new URL(`node_modules/vega-datasets/data/${name}`, import.meta.url))
const ROWS_AT_ONCE = 250000

// Written aside and renamed: a run that was stopped leaves no half file that the next one takes for whole.
async function writing(name, fill) {
  const path = join(folder, name)
  const out = createWriteStream(`${path}.part`)
  const rows = await fill(async (text) => { if (!out.write(text)) await once(out, 'drain') })
  out.end()
  await once(out, 'finish')
  renameSync(`${path}.part`, path)
  return rows
}

async function flights(write) {
  const file = await asyncBufferFromFile(data('flights-3m.parquet'))
  const end = Number(wanted)
  let n = 0
  for (let rowStart = 0; rowStart < end; rowStart += ROWS_AT_ONCE) {
    let text = ''
    await parquetRead({
      file, compressors, rowStart, rowEnd: Math.min(end, rowStart + ROWS_AT_ONCE),
      columns: ['date', 'delay', 'distance', 'origin', 'destination'],
      onComplete: (rows) => {
        n += rows.length
        text = rows.map((r) => `${BigInt(r[0].getTime()) * 1000n}\t${r[1]}\t${r[2]}\t${r[3]}\t${r[4]}\n`).join('')
      },
    })
    await write(text)
  }
  return n
}

// RFC 4180: quoted cells, doubled quotes; no cell of this file holds a line break.
function cells(line) {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((m) => (m[1] !== undefined ? m[1].replaceAll('""', '"') : m[2]))
}

async function birdstrikes(write) {
  let head, n = 0
  for await (const line of createInterface({ input: createReadStream(data('birdstrikes.csv')), crlfDelay: Infinity })) {
    if (line === '') continue
    if (!head) { head = cells(line.replace(/^\uFEFF/, '')); continue }
    const values = cells(line)
    if (values.length !== head.length) throw new Error(`birdstrikes.csv: ${values.length} cells in row ${n + 1}, ${head.length} in its head`)
    await write(JSON.stringify(Object.fromEntries(head.map((h, i) => [h, values[i]]).filter(([, v]) => v !== ''))) + '\n')
    n++
  }
  return n
}

async function movies(write) {
  const rows = JSON.parse(readFileSync(data('movies.json'), 'utf8'))
  for (const row of rows) await write(JSON.stringify(row) + '\n')
  return rows.length
}

const counts = {
  flights: await writing('flights.tsv', flights),
  birdstrikes: await writing('birdstrikes.ndjson', birdstrikes),
  movies: await writing('movies.ndjson', movies),
}
writeFileSync(join(folder, 'counts.json'), JSON.stringify(counts) + '\n') // last: its presence says that all is there
console.log(`${counts.flights} flights, ${counts.birdstrikes} bird strikes, ${counts.movies} movies`)

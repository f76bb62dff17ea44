// Events per second from successive answers. The first of them tells nothing; a pause (a hidden tab, an unreachable
// collector) is a gap, not a slow second; a count that went back is another store.
const SLOTS = 150    // five minutes of answers every two seconds
const FIRST_SLOTS = 30
const PAUSE_MS = 10000

// How wide a chart is, in values: a minute at first, growing to five.
export const slots = (past) => Math.min(SLOTS, Math.max(FIRST_SLOTS, past.values.length))

export class History {
  #last = null // {rows, atMs}
  values = []

  // Of the last few seconds: commits come in groups, so two answers alone may see one too many or too few.
  get rate() {
    const known = this.values.slice(-3).filter((v) => v !== null)
    return this.values.at(-1) == null ? null : known.reduce((a, b) => a + b) / known.length
  }

  add(rows, atMs) {
    const last = this.#last
    this.#last = { rows, atMs }
    if (!last) return
    const known = rows >= last.rows && atMs > last.atMs && atMs - last.atMs < PAUSE_MS
    this.values.push(known ? ((rows - last.rows) * 1000) / (atMs - last.atMs) : null)
    if (this.values.length > SLOTS) this.values.shift()
  }
}

// What rows of a stream broke, since it began: by rule and field, with what became of them.
import { ago, count, moment, words } from './format.js'
import { byId, setText, table } from './view.js'

const MOST_CAUSES = 50
const BECAME = { quarantine: ['set aside', 'warn'], flag: ['stored, flagged', ''], drop: ['dropped', 'bad'] }

const drawViolations = table('violations', {
  head: 1,
  cells(v) {
    const [became, tone] = BECAME[v.action] ?? [v.action, '']
    return [count(v.rows), v.path || '(the whole row)', { text: v.rule, title: words(v.kind), tone: 'type' }, { text: became, tone },
      { text: ago(v.newest, v.nowMs), title: moment(v.newest) }]
  },
})

export function showViolations(violations, nowMs) {
  const sorted = [...violations].sort((a, b) => b.rows - a.rows)
  byId('violations-part').hidden = sorted.length === 0
  drawViolations(sorted.slice(0, MOST_CAUSES).map((v) => ({ ...v, nowMs })), (v) => `${v.rule} ${v.path} ${v.action}`)
  setText(byId('violations-note'), sorted.length > MOST_CAUSES ? `The ${MOST_CAUSES} most frequent of ${count(sorted.length)}; /api/v1/streams has all.` : '')
}

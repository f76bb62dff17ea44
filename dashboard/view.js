// Tables that are kept, not rebuilt: rows have keys, and only what changed is written, so that focus, selection and a
// screen reader's place stay where they are. Whatever comes from outside goes in as text; nothing here parses markup.
export const byId = (id) => document.getElementById(id)

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

export function make(tag, className, text) {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined) node.textContent = text
  return node
}

// cells: one {text, title, tone} each, or a string; a cell with a node is filled by the caller, once.
export function table(id, { head, cells, decorate }) {
  const body = byId(id).tBodies[0]
  const classes = [...byId(id).tHead.rows[0].cells].map((th) => th.className)
  const rows = new Map()

  function build(item) {
    const row = document.createElement('tr')
    classes.forEach((className, i) => {
      const cell = make(i === head ? 'th' : 'td', className)
      if (i === head) cell.scope = 'row'
      row.append(cell)
    })
    decorate?.(row, item)
    return row
  }

  function update(row, item) {
    cells(item, row).forEach((cell, i) => {
      if (cell === null) return
      const { text, title = '', tone = '' } = typeof cell === 'string' ? { text: cell } : cell
      const node = row.cells[i]
      setText(node, text)
      if (node.title !== title) node.title = title
      if (node.dataset.tone !== tone) node.dataset.tone = tone
    })
  }

  return (items, key) => {
    const seen = new Set()
    items.forEach((item, at) => {
      const k = key(item)
      seen.add(k)
      if (!rows.has(k)) rows.set(k, build(item))
      const row = rows.get(k)
      if (body.rows[at] !== row) body.insertBefore(row, body.rows[at] ?? null)
      update(row, item)
    })
    for (const [k, row] of rows) {
      if (seen.has(k)) continue
      row.remove()
      rows.delete(k)
    }
  }
}

// A number that should be 0 is told apart when it is not.
export const should0 = (n, format, tone) => ({ text: format(n), tone: n > 0 ? tone : 'quiet' })

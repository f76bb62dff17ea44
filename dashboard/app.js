// The status page: asks the API every two seconds and shows what it says.
import { count } from './format.js'

async function refresh() {
  const state = document.getElementById('state')
  try {
    const answer = await fetch('api/v1/streams')
    const { ready, reason, streams } = await answer.json()
    state.textContent = ready ? 'ready' : `not ready: ${reason}`
    document.getElementById('streams').replaceChildren(...streams.map((s) => {
      const row = document.createElement('tr')
      row.append(...[s.name, count(s.rows)].map((text) => Object.assign(document.createElement('td'), { textContent: text })))
      return row
    }))
  } catch {
    state.textContent = 'the collector does not answer'
  }
}
refresh()
setInterval(refresh, 2000)

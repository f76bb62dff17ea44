// The status page in a real browser, against a real collector: what it shows is what the API says; nothing from outside is
// asked for or run; keyboard, both colour schemes, narrow screens, and a collector that goes away.
// Screenshots go to the build folder.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Chromium } from './chromium.mjs'
import { Daemon, until } from './daemon.mjs'

const CHECKOUT = `syntax = "proto3";
package shop;
message CheckoutCompleted { string order_id = 1; double amount = 2; string currency = 3; optional int32 items = 4; }
`
const VISIT = `syntax = "proto3";
package shop;
message PageVisited { string page = 1; int64 visitor = 2; repeated string tags = 3; }
`
const shots = join(process.env.HEADRACE_BUILD, 'tests', 'browser')
const grouped = (n) => n.toLocaleString('en-US')

const checkout = (i) => ({ order_id: i % 250 === 9 ? i : `A-${i}`, amount: i * 1.25, currency: i % 3 ? 'EUR' : 'USD', ...(i % 4 ? { items: i % 9 } : {}) })
const visit = (i) => ({ page: `/p/${i % 40}`, visitor: i % 700, tags: i % 5 ? [] : ['new', 'mobile'] })
const many = (n, fn) => Array.from({ length: n }, (_, i) => fn(i))

// Rows of a table as the page shows them.
const shown = (page, id) => page.value((table) =>
  [...document.getElementById(table).tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim())), id)

let daemon, browser

const tests = {
  async 'an empty collector says how to begin'() {
    const page = await browser.page()
    await page.goto(daemon.http)
    await page.until(() => !document.getElementById('welcome').hidden)
    assert.match(await page.value(() => document.getElementById('welcome').innerText), /headrace send --proto hello\.proto/)
    assert.equal(await page.value(() => document.getElementById('figures').hidden), true)
    assert.equal(await page.value(() => document.getElementById('readiness').innerText), 'ready')
    await page.screenshot(join(shots, 'empty.png'))
    quiet(page)
  },

  async 'a collector without a disk says so'() {
    const micro = await new Daemon('--micro').start()
    const page = await browser.page()
    await page.goto(micro.http)
    await page.until(() => document.getElementById('readiness').innerText === 'for tests: in memory only')
    assert.equal(await page.value(() => document.getElementById('readiness').dataset.tone), 'warn')
    await micro.stop()
  },

  async 'it shows what the API says'() {
    const page = await browser.page()
    await page.goto(daemon.http)
    daemon.send(CHECKOUT, 'shop.CheckoutCompleted', many(2000, checkout), { expected: 8 })
    daemon.send(VISIT, 'shop.PageVisited', many(30000, visit), { app: 'web' })
    await until('all is settled', async () => (await daemon.json('/api/v1/producers')).producers.every((p) => p.closed))
    await until('profiles are merged', async () => (await daemon.json('/api/v1/streams/shop.PageVisited/quality')).total.rows === 30000)
    const { streams } = await daemon.json('/api/v1/streams')
    const { lines } = await daemon.json('/api/v1/ledger')
    await page.until((rows) => document.getElementById('streams').innerText.includes(rows), grouped(30000))
    const table = await shown(page, 'streams')
    assert.deepEqual(table.map((row) => [row[0], row[3], row[4]]), streams.map((s) => [s.name, grouped(s.rows), grouped(s.quarantined)]))
    await page.until(() => document.getElementById('ledger').tBodies[0].rows.length === 2)
    const ledger = await shown(page, 'ledger')
    assert.deepEqual(ledger.map((row) => row.slice(0, 6)), lines.map((l) => [l.stream, l.app, l.version, ...[l.logged, l.accepted, l.quarantined].map(grouped)]))
    assert.ok(ledger.every((row) => row.at(-1) === '✓ balances'))
    assert.equal(await page.value(() => document.getElementById('total-stored').title), grouped(31992))
    assert.equal(await page.value(() => document.getElementById('total-quarantined').title), '8')
    assert.equal((await shown(page, 'producers')).length, 2)
    quiet(page)
  },

  async 'fields have the numbers of /quality'() {
    const page = await browser.page()
    await page.goto(`${daemon.http}/#shop.PageVisited`)
    const { total } = await daemon.json('/api/v1/streams/shop.PageVisited/quality')
    await page.until(() => document.getElementById('fields').tBodies[0].rows.length === 3)
    const fields = await shown(page, 'fields')
    assert.deepEqual(fields.map((row) => row[0]), ['page', 'visitor', 'tags'])
    assert.deepEqual(fields.map((row) => row[2]), ['100 %', '100 %', '20.0 %'])
    assert.deepEqual(fields.map((row) => row[8]), total.fields.map((f) => grouped(f.distinct)))
    const visitor = total.fields.find((f) => f.path === 'visitor')
    assert.deepEqual(fields[1].slice(5, 8), ['0', visitor.mean.toLocaleString('en-US', { maximumSignificantDigits: 4 }), '699'])
    assert.equal(fields[0][5], '4 B')
    await page.until(() => document.getElementById('newest').tBodies[0].rows.length === 5)
    const [offset, , app, data] = (await shown(page, 'newest'))[0]
    assert.equal(offset, grouped(29999))
    assert.equal(app, 'web 1.4')
    assert.match(data, /^{"page":"\/p\/\d+","visitor":\d+}$/)
    quiet(page)
  },

  async 'rows set aside are shown by reason with the latest examples'() {
    const page = await browser.page()
    await page.goto(`${daemon.http}/#shop.CheckoutCompleted`)
    await page.until(() => document.getElementById('aside').tBodies[0].rows.length === 1)
    const [[rows, reason, example]] = await shown(page, 'aside')
    assert.equal(rows, '8')
    assert.match(reason, /^order_id: expected a string, found the number \d+$/)
    const [latest, ...older] = example.split('\n')
    assert.match(latest, /"order_id":1759/)
    assert.deepEqual((await shown(page, 'violations')).map((row) => row.slice(0, 4)), [['8', 'order_id', 'headrace.untyped', 'set aside']])
    assert.deepEqual(older.map((text) => /"order_id":(\d+)/.exec(text)[1]), ['1509', '1259'])
    quiet(page)
  },

  async 'what rows broke is counted by rule and field'() {
    const violations = [
      { rule: 'int32.lte', path: 'items', kind: 'rule', action: 'flag', rows: 12, newest: '2026-11-24T01:00:00.000000000Z' },
      { rule: 'string.min_len', path: 'order_id', kind: 'rule', action: 'quarantine', rows: 9812, newest: '2026-11-24T02:00:00.000000000Z' },
      { rule: 'headrace.untyped', path: '', kind: 'untyped', action: 'drop', rows: 1, newest: null }]
    const page = await browser.page()
    await page.intercept('*/api/v1/streams', async (url) => {
      const answer = await (await fetch(url)).json()
      return { body: JSON.stringify({ ...answer, streams: answer.streams.map((s) => ({ ...s, violations: s.name === 'shop.CheckoutCompleted' ? violations : [] })) }) }
    })
    await page.goto(`${daemon.http}/#shop.CheckoutCompleted`)
    await page.until(() => document.getElementById('violations').tBodies[0].rows.length === 3)
    assert.deepEqual((await shown(page, 'violations')).map((row) => row.slice(0, 4)), [
      ['9,812', 'order_id', 'string.min_len', 'set aside'], ['12', 'items', 'int32.lte', 'stored, flagged'],
      ['1', '(the whole row)', 'headrace.untyped', 'dropped']])
    await page.screenshot(join(shots, 'violations.png'))
    await page.value(() => [...document.querySelectorAll('#streams button')].find((b) => b.textContent === 'shop.PageVisited').click())
    await page.until(() => document.getElementById('violations-part').hidden)
    quiet(page)
  },

  async 'events that come now have a rate'() {
    const page = await browser.page()
    await page.goto(daemon.http)
    await page.until(() => document.getElementById('streams').tBodies[0].rows.length === 2)
    let rate = '–'
    for (let i = 0; /^[–0]$/.test(rate) && i < 200; i++) { // one of the page's looks falls after events that came since the last
      daemon.send(VISIT, 'shop.PageVisited', many(3000, visit), { app: 'web' })
      rate = await page.value(() => document.getElementById('total-rate').textContent)
    }
    assert.match(rate, /^[\d,.]+K?$/)
    assert.match(await page.value(() => document.querySelector('#flow .line').getAttribute('d')), /^M[\d. ]+/)
    assert.match(await page.value(() => document.querySelector('#streams svg').getAttribute('aria-label')), /^Events per second of shop\./)
    quiet(page)
  },

  async 'names from outside are text'() {
    const evil = '<img src=x onerror="window.pwned=1">"><script>window.pwned=2</script>'
    const page = await browser.page()
    const lines = (text) => text.split('\n').filter(Boolean).map((line) => JSON.stringify(spoil(JSON.parse(line))) + '\n').join('')
    const spoil = (value) => JSON.parse(JSON.stringify(value), (key, v) =>
      ['name', 'stream', 'app', 'version', 'host', 'reason', 'path', 'rule', 'type', 'target', 'incarnation'].includes(key) && typeof v === 'string' ? evil + v : v)
    await page.intercept('*/api/v1/*', async (url) => {
      const real = url.replace(encodeURIComponent(evil), '')
      const text = await (await fetch(real)).text()
      return { body: /quarantine|events/.test(url) ? lines(text) : JSON.stringify(spoil(JSON.parse(text))) }
    })
    await page.goto(`${daemon.http}/#${encodeURIComponent(evil)}shop.CheckoutCompleted`)
    await page.until(() => document.getElementById('fields').tBodies[0].rows.length === 4)
    await page.until(() => document.getElementById('aside').tBodies[0].rows.length >= 1)
    for (const id of ['streams', 'ledger', 'producers', 'fields', 'violations', 'sinks', 'aside', 'newest', 'detail-title'])
      assert.ok((await page.value((i) => document.getElementById(i).textContent, id)).includes(evil), id)
    assert.equal(await page.value(() => window.pwned), undefined)
    assert.equal(await page.value(() => document.querySelectorAll('img, script').length), 2) // its own logo and module
    quiet(page)
  },

  async 'the keyboard reaches everything'() {
    const page = await browser.page()
    await page.goto(daemon.http)
    await page.until(() => document.getElementById('fields').tBodies[0].rows.length > 0)
    const reached = []
    for (let i = 0; i < 40 && !reached.includes('metrics'); i++) {
      await page.key('Tab')
      reached.push(await page.value(() => {
        const at = document.activeElement
        const outline = getComputedStyle(at).outlineStyle
        const seen = at.name === 'span' ? getComputedStyle(at.nextElementSibling).outlineStyle : outline
        if (seen === 'none') return `no outline: ${at.outerHTML.slice(0, 80)}`
        return at.textContent.trim().slice(0, 40) || at.name || at.id
      }))
      assert.ok(!reached.at(-1).startsWith('no outline'), reached.at(-1))
    }
    for (const wanted of ['Skip to the streams', 'shop.CheckoutCompleted', 'shop.PageVisited', 'span', 'metrics']) assert.ok(reached.includes(wanted), `${wanted} of ${reached}`)
    await page.value(() => [...document.querySelectorAll('#streams button')].find((b) => b.textContent === 'shop.CheckoutCompleted').focus())
    await page.key('Enter')
    await page.until(() => document.getElementById('detail-title').textContent === 'shop.CheckoutCompleted')
    assert.equal(await page.value(() => document.activeElement.textContent), 'shop.CheckoutCompleted') // focus survives redrawing
    assert.equal(await page.value(() => document.activeElement.getAttribute('aria-expanded')), 'true')
    assert.equal(await page.value(() => location.hash), '#shop.CheckoutCompleted')
    quiet(page)
  },

  async 'a screen reader finds names and tables'() {
    const page = await browser.page()
    await page.goto(daemon.http)
    await page.until(() => document.getElementById('fields').tBodies[0].rows.length > 0)
    const { nodes } = await page.send('Accessibility.getFullAXTree')
    const named = nodes.filter((n) => !n.ignored && ['button', 'link', 'radio', 'region', 'image', 'columnheader', 'rowheader'].includes(n.role?.value))
    assert.ok(named.length > 30)
    for (const node of named) assert.ok(node.name?.value, `a ${node.role.value} without a name`)
    const roles = new Set(nodes.map((n) => n.role?.value))
    for (const role of ['banner', 'main', 'contentinfo', 'heading', 'table', 'status']) assert.ok(roles.has(role), role)
    quiet(page)
  },

  async 'both colour schemes can be read'() {
    for (const dark of [false, true]) {
      const page = await browser.page({ dark, height: 1000 })
      await page.goto(`${daemon.http}/#shop.CheckoutCompleted`)
      await page.until(() => document.getElementById('aside').tBodies[0].rows.length >= 1)
      const poor = await page.value(poorContrast)
      assert.deepEqual(poor, [])
      assert.equal(await page.value(() => getComputedStyle(document.body).backgroundColor === 'rgb(244, 246, 247)'), !dark)
      await page.screenshot(join(shots, dark ? 'dark.png' : 'light.png'))
      quiet(page)
    }
  },

  async 'a narrow screen scrolls tables, not the page'() {
    const page = await browser.page({ width: 380, height: 800 })
    await page.goto(daemon.http)
    await page.until(() => document.getElementById('fields').tBodies[0].rows.length > 0)
    assert.ok(await page.value(() => document.scrollingElement.scrollWidth <= innerWidth))
    await page.screenshot(join(shots, 'narrow.png'))
    quiet(page)
  },

  async 'a collector that is away is told, and found again'() {
    const page = await browser.page()
    let away = false
    await page.intercept('*/api/v1/*', () => (away ? { fail: true } : null))
    await page.goto(daemon.http)
    await page.until(() => document.getElementById('fields').tBodies[0].rows.length > 0)
    away = true
    await page.until(() => !document.getElementById('trouble').hidden)
    assert.match(await page.value(() => document.getElementById('trouble').innerText), /does not answer.*Figures below are of \d\d:\d\d:\d\d UTC/)
    assert.equal(await page.value(() => document.getElementById('readiness').innerText), 'unreachable')
    await page.screenshot(join(shots, 'away.png'))
    away = false
    await page.until(() => document.getElementById('trouble').hidden && document.getElementById('readiness').innerText === 'ready')
  },

  async 'a store that is being reopened is told'() {
    const page = await browser.page()
    const body = JSON.stringify({ error: { code: 'HR_EAGAIN', text: 'the store is being reopened' } })
    await page.intercept('*/quality*', () => ({ status: 503, body }))
    await page.goto(daemon.http)
    await page.until(() => /cannot tell all: the store is being reopened/.test(document.getElementById('trouble').innerText))
    assert.ok((await shown(page, 'streams')).length === 2)
  },

  async 'thousands of lines are a few rows'() {
    const page = await browser.page()
    const long = (list) => many(3000, (i) => ({ ...list[i % list.length], app: `app ${i}`, incarnation: String(i).padStart(32, '0') }))
    await page.intercept('*/api/v1/*', async (url) => {
      const answer = /(ledger|producers)$/.test(url) && (await (await fetch(url)).json())
      return answer ? { body: JSON.stringify({ ...answer, ...(answer.lines ? { lines: long(answer.lines) } : { producers: long(answer.producers) }) }) } : null
    })
    await page.goto(daemon.http)
    await page.until(() => document.getElementById('ledger').tBodies[0].rows.length === 200)
    await page.until(() => document.getElementById('producers').tBodies[0].rows.length === 200)
    assert.match(await page.value(() => document.getElementById('ledger-note').innerText), /200 of 3,000/)
    quiet(page)
  },

  async 'a store that does not commit is told'() {
    const page = await browser.page()
    await page.intercept('*/api/v1/streams', async (url) => ({ body: JSON.stringify({ ...(await (await fetch(url)).json()), ready: false, reason: 'no space left on the device' }) }))
    await page.goto(daemon.http)
    await page.until(() => document.getElementById('readiness').innerText === 'not storing: no space left on the device')
    quiet(page)
  },

  async 'a row that breaks a rule is told by field and rule'() { // the last: with a stream of its own
    const rated = `syntax = "proto3";
package shop;
import "buf/validate/validate.proto";
message OrderRated { string order_id = 1; int32 stars = 2 [(buf.validate.field).int32 = { gte: 1 lte: 5 }]; }
`
    daemon.send(rated, 'shop.OrderRated', many(700, (i) => ({ order_id: `A-${i}`, stars: (i % 7) + 1 })), { expected: 200 })
    const page = await browser.page()
    await page.goto(`${daemon.http}/#shop.OrderRated`)
    await page.until(() => document.getElementById('violations').tBodies[0].rows.length === 1)
    assert.deepEqual((await shown(page, 'violations')).map((row) => row.slice(0, 4)), [['200', 'stars', 'int32.gte_lte', 'set aside']])
    await page.until(() => document.getElementById('aside').tBodies[0].rows.length === 1)
    const [[rows, reason]] = await shown(page, 'aside')
    assert.deepEqual([rows, reason], ['200', 'stars: must be greater than or equal to 1 and less than or equal to 5'])
    await page.screenshot(join(shots, 'rules.png'))
    quiet(page)
  },
}

// No error in the console, nothing asked of anybody else.
function quiet(page) {
  assert.deepEqual(page.errors, [])
  const outside = page.requests.filter((url) => !url.startsWith(`${daemon.http}/`) && url !== 'about:blank')
  assert.deepEqual(outside, [])
}

// Texts below 4.5:1 (WCAG 2.1, 1.4.3), runs in the page. Backgrounds are composed from all ancestors' colours.
function poorContrast() {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
  const mixed = (colors) => {
    canvas.clearRect(0, 0, 1, 1)
    for (const color of colors) {
      canvas.fillStyle = color
      canvas.fillRect(0, 0, 1, 1)
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
  }
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const found = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const at = node.parentElement
    if (!node.data.trim() || !at.checkVisibility() || at.closest('svg, .skip, .hidden, noscript')) continue
    const behind = []
    for (let up = at; up; up = up.parentElement) {
      const style = getComputedStyle(up)
      behind.unshift(style.backgroundColor, ...(style.backgroundImage.match(/(rgba?|color)\([^)]*\)/g) ?? []).slice(0, 1))
    }
    const back = light(mixed(behind))
    const front = light(mixed([...behind, getComputedStyle(at).color]))
    const ratio = (Math.max(back, front) + 0.05) / (Math.min(back, front) + 0.05)
    if (ratio < 4.5) found.push(`${node.data.trim().slice(0, 30)}: ${ratio.toFixed(2)}`)
  }
  return found
}

if (spawnSync(process.env.CHROMIUM ?? 'chromium', ['--version']).error) {
  console.log('skipped: no chromium')
  process.exit(77)
}
mkdirSync(shots, { recursive: true })
let failed = 0
try {
  daemon = await new Daemon().start()
  browser = await Chromium.launch()
  const wanted = process.argv.slice(2)
  for (const [name, run] of Object.entries(tests)) {
    if (wanted.length > 0 && !wanted.some((w) => name.includes(w))) continue
    try {
      await run()
      console.log(`ok     ${name}`)
    } catch (error) {
      failed++
      console.log(`FAILED ${name}\n${error.stack}`)
      if (name.startsWith('it shows')) break // the others need what it sent
    }
  }
} finally {
  await browser?.close()
  await daemon?.stop()
}
process.exit(failed > 0 ? 1 : 0)

// Chromium, driven by its own protocol (chromedevtools.github.io/devtools-protocol) over a pipe: messages are JSON, each
// ended by a NUL. No package is needed for that, so nothing has to be fetched before the tests run.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const FLAGS = ['--headless=new', '--remote-debugging-pipe', '--no-first-run', '--no-default-browser-check', '--disable-gpu',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions', '--disable-dev-shm-usage',
  '--hide-scrollbars', '--lang=en-US', '--force-color-profile=srgb', '--mute-audio']
const PATIENCE_MS = 60000

export class Chromium {
  #pending = new Map()
  #pages = new Map()
  #next = 1

  static async launch(program = process.env.CHROMIUM ?? 'chromium') {
    const browser = new Chromium()
    browser.folder = mkdtempSync(join(tmpdir(), 'headrace-browser.'))
    const flags = [...FLAGS, `--user-data-dir=${browser.folder}`]
    if (process.getuid() === 0) flags.push('--no-sandbox') // its sandbox refuses to run as root
    browser.process = spawn(program, [...flags, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
    browser.process.on('error', (error) => browser.#fail(error))
    browser.process.on('exit', (status) => browser.#fail(new Error(`chromium ended with status ${status}`)))
    browser.#listen(browser.process.stdio[4])
    return browser
  }

  #listen(pipe) {
    let rest = ''
    pipe.setEncoding('utf8')
    pipe.on('data', (text) => {
      const messages = (rest + text).split('\0')
      rest = messages.pop()
      for (const message of messages) this.#take(JSON.parse(message))
    })
  }

  #take({ id, result, error, method, params, sessionId }) {
    if (id === undefined) {
      this.#pages.get(sessionId)?.happened(method, params)
      return
    }
    const { resolve, reject, name } = this.#pending.get(id)
    this.#pending.delete(id)
    if (error) reject(new Error(`${name}: ${error.message}`))
    else resolve(result)
  }

  #fail(error) {
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }

  send(method, params = {}, sessionId = undefined) {
    const id = this.#next++
    this.process.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + '\0')
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject, name: method }))
  }

  async page({ width = 1360, height = 900, dark = false } = {}) {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    const page = new Page(this, sessionId)
    this.#pages.set(sessionId, page)
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await page.send(`${domain}.enable`)
    await page.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false })
    await page.dark(dark)
    return page
  }

  async close() {
    const ended = new Promise((resolve) => this.process.once('exit', resolve))
    this.process.removeAllListeners('error')
    this.send('Browser.close').catch(() => {})
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 10000).unref())])
    if (this.process.exitCode === null) this.process.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

class Page {
  errors = []    // console errors, exceptions, refused resources
  requests = []  // addresses asked for
  #handlers = new Map()

  constructor(browser, session) {
    this.browser = browser
    this.session = session
  }

  send(method, params) { return this.browser.send(method, params, this.session) }
  on(method, handler) { this.#handlers.set(method, handler) }

  happened(method, params) {
    if (method === 'Runtime.exceptionThrown') this.errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text)
    if (method === 'Runtime.consoleAPICalled' && ['error', 'assert'].includes(params.type)) this.errors.push(params.args.map((a) => a.value ?? a.description).join(' '))
    if (method === 'Log.entryAdded' && params.entry.level === 'error') this.errors.push(`${params.entry.text} ${params.entry.url ?? ''}`)
    if (method === 'Network.requestWillBeSent') this.requests.push(params.request.url)
    this.#handlers.get(method)?.(params)
  }

  async goto(url) {
    const loaded = new Promise((resolve) => this.on('Page.loadEventFired', resolve))
    await this.send('Page.navigate', { url })
    await loaded
  }

  // The value of an expression, or of a function called in the page with JSON arguments.
  async value(what, ...args) {
    const expression = typeof what === 'function' ? `(${what})(${args.map((a) => JSON.stringify(a)).join(',')})` : what
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }

  // Asks until the answer is true-ish; the page decides when, the clock only gives up.
  async until(what, ...args) {
    const deadline = Date.now() + PATIENCE_MS
    for (;;) {
      const value = await this.value(what, ...args)
      if (value) return value
      if (Date.now() > deadline) throw new Error(`never came true: ${what}\nerrors: ${this.errors.join('\n')}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  dark(on) {
    return this.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: on ? 'dark' : 'light' }] })
  }

  async key(key, code = key, keyCode = { Tab: 9, Enter: 13, ' ': 32 }[key]) {
    const text = key === 'Enter' ? '\r' : key === ' ' ? ' ' : undefined
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key, code, windowsVirtualKeyCode: keyCode, text })
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key, code, windowsVirtualKeyCode: keyCode })
  }

  async screenshot(path) {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true })
    writeFileSync(path, Buffer.from(data, 'base64'))
  }

  // Answers requests whose address matches by what `answer(url)` returns: {status, type, body}, or null to let it go on.
  async intercept(pattern, answer) {
    this.on('Fetch.requestPaused', async ({ requestId, request }) => {
      const made = await answer(request.url)
      if (made === null) await this.send('Fetch.continueRequest', { requestId })
      else if (made.fail) await this.send('Fetch.failRequest', { requestId, errorReason: 'ConnectionRefused' })
      else await this.send('Fetch.fulfillRequest', { requestId, responseCode: made.status ?? 200,
        responseHeaders: [{ name: 'Content-Type', value: made.type ?? 'application/json' }], body: Buffer.from(made.body).toString('base64') })
    })
    await this.send('Fetch.enable', { patterns: [{ urlPattern: pattern }] })
  }
}

// A real headraced for a test: its own folder, free ports, ended with the test.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const bin = (name) => (name === 'headraced' && process.env.HEADRACED) || join(process.env.HEADRACE_BUILD, 'bin', name)

export async function until(what, fn) {
  const deadline = Date.now() + 60000
  for (;;) {
    const found = await fn()
    if (found) return found
    if (Date.now() > deadline) throw new Error(`never came true: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export class Daemon {
  folder = mkdtempSync(join(tmpdir(), 'headrace-page.'))
  args

  constructor(...args) { this.args = args }

  async start() {
    const ports = join(this.folder, 'ports')
    const log = openSync(join(this.folder, 'log'), 'a')
    this.process = spawn(bin('headraced'), ['--data-dir', join(this.folder, 'data'), '--ingest', '127.0.0.1:0', '--http', '127.0.0.1:0',
      '--ports-file', ports, '--file-sink', join(this.folder, 'files'), ...this.args], { stdio: ['ignore', log, log] })
    closeSync(log)
    this.ended = new Promise((resolve) => this.process.once('exit', (status, signal) => resolve(status ?? signal)))
    const found = await until('headraced writes its ports', () => {
      if (this.process.exitCode !== null) throw new Error(`headraced ended:\n${this.log()}`)
      return existsSync(ports) && /http=(\d+)\n/.test(readFileSync(ports, 'utf8')) && readFileSync(ports, 'utf8')
    })
    this.ingest = `headrace://127.0.0.1:${/ingest=(\d+)/.exec(found)[1]}`
    this.http = `http://127.0.0.1:${/http=(\d+)/.exec(found)[1]}`
    return this
  }

  log() { return readFileSync(join(this.folder, 'log'), 'utf8') }
  async json(path) { return (await fetch(this.http + path)).json() }

  // rows: objects, one event each. expected: how many are set aside.
  send(proto, type, rows, { app = 'shop', version = '1.4', expected = 0 } = {}) {
    const path = join(this.folder, `${type}.proto`)
    writeFileSync(path, proto)
    const run = spawnSync(bin('headrace'), ['send', '--proto', path, '--type', type, '--url', this.ingest, '--app', app, '--app-version', version],
      { input: rows.map((row) => JSON.stringify(row) + '\n').join(''), encoding: 'utf8', maxBuffer: 1 << 26 })
    if (run.status !== (expected > 0 ? 4 : 0)) throw new Error(`headrace send ended with ${run.status}: ${run.stderr}`)
  }

  async stop() {
    this.process.kill('SIGTERM')
    const status = await this.ended
    const log = this.log()
    rmSync(this.folder, { recursive: true, force: true })
    if (status !== 0) throw new Error(`headraced ended with ${status}:\n${log.slice(-3000)}`)
  }
}

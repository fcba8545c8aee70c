// The pages over a store as a person has them, in Debian's Chromium: what they show, what they load, who may mark.
import assert from 'node:assert/strict'
import {existsSync, mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {after, before, test} from 'node:test'
import {setTimeout as sleep} from 'node:timers/promises'
import {type Browser, chromium, type Page} from 'playwright-core'
import {openFixture} from '../../lab/fixtures.ts'
import type {BatchLine} from '../../src/report/core-report.ts'
import {CrashStore} from '../../src/triage/store/crash-store.ts'
import {batchLine, signatureOf} from '../support/batch-line.ts'
import {runCommand} from '../support/run-command.ts'
import {StartedCommand} from '../support/started-command.ts'

const EXECUTABLE = '/usr/bin/chromium'
const A = 'aaaa0000aaaa0000'
const HOSTILE = '"><img src=x onerror=document.title=1><script>document.title=1</script></title>\u001b[2J\u202e\n'
const directory = mkdtempSync(join(tmpdir(), 'gotrace-serve-'))
const store = join(directory, 'crashes.db')
let browser: Browser
let analysed: BatchLine

before(async () => {
  assert.ok(existsSync(EXECUTABLE), `${EXECUTABLE}: no such file; apt-get install chromium`)
  const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
  browser = await chromium.launch({executablePath: EXECUTABLE, args})
  const {core, sysroot} = await openFixture('cfault-segv-go1.27')
  const batch = ['batch', core, '--sysroot', sysroot, '--store', store, '--reports', join(directory, 'reports')]
  analysed = JSON.parse(runCommand([...batch, '--label', 'host=web-3']).stdout)
  const opened = await CrashStore.open(store, 'write')
  await opened.add(batchLine('k1', {mtime: new Date().toISOString()}))
  const crash = {...(batchLine('k').crash as NonNullable<BatchLine['crash']>), message: HOSTILE}
  const build = {main: HOSTILE, version: HOSTILE, revision: HOSTILE, time: HOSTILE, modified: true}
  await opened.add(
    batchLine('k2', {
      path: `/crash/${HOSTILE}`,
      crash,
      build,
      signature: {...signatureOf(HOSTILE), family: HOSTILE, frames: [HOSTILE]} as BatchLine['signature'],
      executable: {path: HOSTILE, buildId: HOSTILE},
      goVersion: HOSTILE,
      labels: {[HOSTILE]: HOSTILE},
      report: `/${HOSTILE}`,
    }),
  )
  await opened.mark({exact: HOSTILE, state: 'known', build: HOSTILE, buildTime: null, note: HOSTILE, author: HOSTILE})
  await opened.close()
})

after(async () => {
  await browser?.close()
  rmSync(directory, {recursive: true, force: true})
})

/**
 * Serves the store while a page is used; whatever the page says on the console or loads from elsewhere is an error.
 * @param expected what the browser itself says
 */
async function withPage(
  flags: readonly string[],
  use: (page: Page, url: string) => Promise<void>,
  expected = /^$/,
): Promise<void> {
  const server = new StartedCommand(['serve', '--store', store, '--port', '0', ...flags])
  const page = await browser.newPage()
  const errors: string[] = []
  page.on('console', message => errors.push(message.text()))
  page.on('pageerror', error => errors.push(error.message))
  page.on('dialog', dialog => errors.push(`asks ${dialog.message()}`))
  try {
    while (!server.stdout.includes('\n')) {
      assert.equal(server.process.exitCode, null, server.stderr)
      await sleep(20)
    }
    const url = server.stdout.trim()
    page.on('request', request => {
      if (!request.url().startsWith(url)) errors.push(`loads ${request.url()}`)
    })
    await page.goto(url)
    await use(page, url)
    assert.deepEqual(
      errors.filter(text => !expected.test(text)),
      [],
    )
  } finally {
    await page.close()
    server.process.kill('SIGTERM')
    assert.equal(await server.ended, 0, server.stderr)
  }
}

test('from the list to a signature, its builds and the report of a core, without a word on the console', async () => {
  await withPage([], async (page, url) => {
    assert.equal(await page.locator('tbody tr').count(), 3)
    await page.locator('input[name=program]').fill('cfault')
    await page.locator('button').click()
    assert.equal(await page.locator('tbody tr').count(), 1)
    await page.locator('tbody a').first().click()
    assert.match(await page.locator('h1').innerText(), /SIGSEGV.* in store_value < update_record/)
    assert.match(await page.locator('body').innerText(), /host=web-3/)
    await page.locator('a', {hasText: 'report'}).click()
    assert.equal(page.url(), `${url}reports/${analysed.key}`)
    assert.match(await page.locator('#crash').innerText(), /store_value[\s\S]*fault\.c:27/)
  })
})

test('hostile names are text on every page', async () => {
  await withPage(
    ['--writable'],
    async (page, url) => {
      for (const address of [
        url,
        `${url}signatures/${encodeURIComponent(HOSTILE)}`,
        `${url}reports/k2`,
        `${url}${encodeURIComponent(HOSTILE)}`,
      ]) {
        const response = await page.goto(address).catch(() => null)
        assert.notEqual(await page.title(), '1', address)
        assert.equal(await page.locator('img, script:not(#data)').count(), 0, address)
        if (response?.status() === 404) continue
        assert.match(await page.locator('body').innerText(), /onerror=document\.title=1/, address)
      }
    },
    /the server responded with a status of 404/,
  )
})

test('nothing can be marked where it was not allowed', async () => {
  await withPage(
    [],
    async (page, url) => {
      await page.goto(`${url}signatures/${A}`)
      assert.equal(await page.locator('form[method=post]').count(), 0)
      const status = await page.evaluate(`fetch('/signatures/${A}/mark', {method: 'POST', body: 'state=known'}).then(
      ({status}) => status, error => String(error))`)
      // The pages may not even ask.
      assert.match(String(status), /TypeError|403/)
    },
    /Content Security Policy/,
  )
  const shown = JSON.parse(runCommand(['triage', 'show', A, '--store', store, '--json']).stdout)
  assert.deepEqual([shown.signature.state, shown.history], ['new', []])
})

test('a signature is marked as fixed, and the store says so', async () => {
  await withPage(['--writable'], async (page, url) => {
    await page.goto(`${url}signatures/${A}`)
    await page.locator('select[name=state]').selectOption('fixed')
    await page.locator('input[name=build]').fill('v9.9.9')
    await page.locator('input[name=note]').fill('BUG-1 <b>')
    await page.locator('form[method=post] button').click()
    assert.equal(page.url(), `${url}signatures/${A}`)
    assert.match(await page.locator('body').innerText(), /fixed in v9\.9\.9 BUG-1 <b>/)
  })
  const shown = JSON.parse(runCommand(['triage', 'show', A, '--store', store, '--json']).stdout)
  assert.equal(shown.signature.state, 'fixed')
  assert.deepEqual([shown.history.length, shown.history[0].build, shown.history[0].note], [1, 'v9.9.9', 'BUG-1 <b>'])
})

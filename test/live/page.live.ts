// The page as a person has it: in a browser, without a network, wide and narrow, with keys.
import assert from 'node:assert/strict'
import {existsSync, mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {after, before, test} from 'node:test'
import {pathToFileURL} from 'node:url'
import {type Browser, chromium, type Page} from 'playwright-core'
import {openFixture} from '../../lab/fixtures.ts'
import {runCommand} from '../support/run-command.ts'

const EXECUTABLE = '/usr/bin/chromium'
const directory = mkdtempSync(join(tmpdir(), 'gotrace-page-'))
let browser: Browser

before(async () => {
  assert.ok(existsSync(EXECUTABLE), `${EXECUTABLE}: no such file; apt-get install chromium`)
  const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
  browser = await chromium.launch({executablePath: EXECUTABLE, args})
})

after(async () => {
  await browser?.close()
  rmSync(directory, {recursive: true, force: true})
})

/** The page of a committed crash; whatever it says on the console or loads is an error. */
async function openPage(name: string, width: number): Promise<{page: Page; errors: string[]}> {
  const fixture = await openFixture(name)
  const file = join(directory, `${name}.html`)
  const core = [fixture.core, '-e', fixture.executable, '--sysroot', fixture.sysroot]
  assert.equal(runCommand(['analyze', ...core, '-o', file]).exitCode, 0)
  const page = await browser.newPage({viewport: {width, height: 900}})
  const errors: string[] = []
  page.on('console', message => errors.push(message.text()))
  page.on('pageerror', error => errors.push(error.message))
  page.on('request', request => {
    if (request.url() !== pathToFileURL(file).href) errors.push(`loads ${request.url()}`)
  })
  await page.goto(pathToFileURL(file).href)
  return {page, errors}
}

for (const width of [390, 1280]) {
  test(`at ${width} pixels nothing is wider than the page, and the console is silent`, async () => {
    const {page, errors} = await openPage('stuck-cross-go1.27', width)
    const shot = join(directory, `${width}.png`)
    await page.screenshot({path: shot})
    assert.deepEqual([...readFileSync(shot).subarray(1, 4)], [...Buffer.from('PNG')])
    const [scrolled, inner] = (await page.evaluate('[document.documentElement.scrollWidth, innerWidth]')) as [
      number,
      number,
    ]
    assert.ok(scrolled <= inner, `${scrolled} > ${inner}`)
    assert.ok((await page.locator('svg').count()) > 0)
    assert.deepEqual(errors, [])
  })
}

test('search, filters and keys find a goroutine; its text is that of Go', async () => {
  const {page, errors} = await openPage('busy-all-fault-go1.27', 1280)
  const shown = page.locator('details.group:visible')
  const all = await shown.count()
  assert.ok(all > 5)
  await page.keyboard.press('/')
  await page.keyboard.type('main.timers')
  assert.equal(await shown.count(), 1)
  await page.keyboard.press('Escape')
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  assert.match(await shown.locator('pre').innerText(), /^goroutine \d+ \[runnable\]:\nmain\.timers\.func1\(/)
  await page.locator('#search').fill('')
  await page.locator('#language').selectOption('c')
  const withC = await shown.count()
  assert.ok(withC > 0 && withC < all)
  await page.locator('#language').selectOption('')
  assert.equal(await shown.count(), all)
  await page.locator('#unfold').click()
  assert.equal(await page.locator('details.group[open]').count(), all)

  const fixture = await openFixture('busy-all-fault-go1.27')
  const text = runCommand([
    'analyze',
    fixture.core,
    '-e',
    fixture.executable,
    '--sysroot',
    fixture.sysroot,
    '--traceback',
    'crash',
  ])
  const crash = (await page.locator('#crash').innerText()).split('\n\n')[0] ?? ''
  assert.ok(text.stdout.startsWith(crash), crash)
  assert.deepEqual(errors, [])
})

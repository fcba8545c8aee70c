// Names, paths and messages come from files that anybody may have written: in text for people they stay in their line.
import test from 'ava'
import {fixtureNames, openFixture} from '../../lab/fixtures.ts'
import {printable, printableLines} from '../../src/base/printable.ts'
import {PLAIN_STYLE, paintedStyle} from '../../src/render/style.ts'
import {text as textFormat} from '../../src/render/text.ts'
import {runCommand} from '../support/run-command.ts'

const HOSTILE = '\x1b[2J\x07\r\n\u009b31m\u202ereversed\u2066\u2028line\ud800'

test('what a terminal would obey is escaped, and all other text is as it was', t => {
  t.is(printable('a\x1b[31mb\n\tc\x7f\u0085'), 'a\\x1b[31mb\\x0a\\x09c\\x7f\\x85')
  t.is(printable('\u202egnp.exe\u2069\u2028\ufeff'), '\\u202egnp.exe\\u2069\\u2028\\ufeff')
  t.is(printable('\ud83d\ude00 \ud83d grün 漢字'), '😀 \\ud83d grün 漢字')
  t.is(printableLines('panic: a\n\tb\r\x1b'), 'panic: a\n\tb\\x0d\\x1b')
})

test('a colour is set around text that is printable', t => {
  const paint = (part: string) => `<${part}>`
  const style = paintedStyle({...PLAIN_STYLE, cFunction: paint, header: paint})
  t.is(style.cFunction('f\x1b\n'), '<f\\x1b\\x0a>')
  t.is(style.header('a\nb\x1b'), '<a\nb\\x1b>')
})

/** Words that the renderers look at, to tell what to print; numbers in hexadecimal. */
const MEANT = new Set([
  'kind',
  'foundBy',
  'stop',
  'state',
  'status',
  'severity',
  'detail',
  'symbols',
  'reason',
  'missing',
])

/** The same value with every name, path and message made hostile. */
function poison(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return MEANT.has(key) || /^0x[0-9a-f]+$/.test(value) ? value : value + HOSTILE
  if (Array.isArray(value)) return value.map(item => poison(item, key === 'header' ? 'header' : key))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, poison(part, name)]))
}

type Told = Record<string, unknown>

/** An answer as its renderer wants it, from nothing but its JSON. */
function answerOf(command: string, json: Told): Told {
  if (command !== 'analyze') return command === 'cgo' ? json : {...json, blocking: () => json.blocking}
  const threads = json.threads as {goroutine: number | null; idle: boolean}[]
  return {
    ...json,
    detail: 'full',
    threadsWithoutGoroutine: () => threads.filter(({goroutine}) => goroutine === null),
    tail: () => json,
  }
}

function render(command: 'analyze' | 'cgo' | 'goroutines' | 'info' | 'threads', json: Told): string {
  const renderer = textFormat.renderers[command] as unknown as (answer: Told, how: object) => Iterable<string>
  return [...renderer(answerOf(command, json), {style: PLAIN_STYLE, registers: true, view: 'whole'})].join('')
}

/** The summary breaks its lines where words end, so that longer names take more of them. */
function withoutSummary(command: string, text: string): string {
  return command === 'analyze' ? text.slice(text.indexOf('\n\n')) : text
}

for (const name of fixtureNames(/^(callback-deep|cxx-throw|stuck-mutexes|hooks-fault)-go1\.27$/)) {
  for (const command of ['analyze', 'cgo', 'goroutines', 'info', 'threads'] as const) {
    test(`${name}: ${command} has the same lines when every name in it is hostile`, async t => {
      const fixture = await openFixture(name)
      const files = ['-e', fixture.executable, '--sysroot', fixture.sysroot, '--quiet', '--json']
      const json = JSON.parse(runCommand([command, fixture.core, ...files]).stdout) as Told
      const clean = withoutSummary(command, render(command, json))
      const poisoned = poison(json) as {crash?: {header: unknown}}
      // The lines of a panic are the runtime's own, and may be several in one.
      const {crash} = json as {crash?: {header: unknown}}
      if (crash && poisoned.crash) poisoned.crash.header = crash.header
      const dirty = render(command, poisoned as Told)
      t.is(withoutSummary(command, dirty).split('\n').length, clean.split('\n').length)
      if (command === 'analyze') t.true((dirty.split('\n\n', 1)[0] ?? '').split('\n').length <= 12)
      t.is(printableLines(dirty), dirty)
      t.true(dirty.includes('\\x1b[2J'))
    })
  }
}

test('an error and its hint stay in their lines', t => {
  const {stderr, exitCode} = runCommand(['info', '/nowhere/a\x1b[2J\nforged: line'])
  t.is(exitCode, 1)
  t.true(stderr.startsWith('gotrace-core: /nowhere/a\\x1b[2J\\x0aforged: line'), stderr)
  t.false(stderr.includes('\nforged'))
})

// A report that goes to strangers: what the process was told and what it said stays at home.
import {copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import type {Answers, Format} from '../../src/render/format.ts'
import {FORMATS} from '../../src/render/formats.ts'
import {Redaction} from '../../src/render/redaction.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'
import {runCommand} from '../support/run-command.ts'

const SECRET = 'hunter2'
const PERSON = 'alice'

test('homes are left out of a text, and nothing else is', t => {
  const redaction = new Redaction(['/data/people/alice/', undefined, '/', 'relative'])
  const cases = [
    ['/home/alice/src/a.go:12', '~/src/a.go:12'],
    ['/home/alice smith/a.go, /home/bob', '~/a.go, ~'],
    ['no file /home/alice (try /usr/lib)', 'no file ~/usr/lib)'],
    ['-I/home/alice/include', '-I/~/include'],
    ['/var/home/alice/x /export/home/alice', '~/x ~'],
    ['C:\\Users\\alice\\a.go C:/Users/alice/a.go', 'C:~\\a.go C:~/a.go'],
    ['/root/go/a.go /root', '~/go/a.go ~'],
    ['/rootfs/a /usr/lib/root.so', '/rootfs/a /usr/lib/root.so'],
    ['/data/people/alice/core', '~/core'],
    ['{"file":"/home/alice","hint":"a/b"}', '{"file":"~","hint":"a/b"}'],
    ['/homework/a.go main.home', '/homework/a.go main.home'],
  ] as const
  for (const [text, wanted] of cases) t.is(redaction.text(text), wanted)
})

/** What is put into fields of these names. */
const PLANTS: Readonly<Record<string, (value: unknown) => unknown>> = {
  arguments: () => ['server', SECRET],
  args: () => `"${SECRET}", 0x7`,
  labels: () => ({[SECRET]: SECRET}),
  remarks: () => [`0x1:  ${SECRET}`],
  settings: () => ({'-ldflags': `-X main.key=${SECRET}`, GOARCH: 'amd64', CGO_CFLAGS: SECRET}),
  file: file => `/home/${PERSON}/${file}`,
  explain: () => [`class: panic, main.E ${SECRET}`, 'used main.f'],
  diagnostics: () => [
    {code: 'bad-file', severity: 'info', message: 'm', where: `/home/${PERSON}/f`, count: 1, hint: null},
  ],
}

/** The JSON of a real report with a secret in every place that may hold one. */
function planted(json: Record<string, unknown>): Record<string, unknown> {
  const text = JSON.stringify(json, (key, value: unknown) => (value === null ? null : (PLANTS[key]?.(value) ?? value)))
  const report = JSON.parse(text) as Record<string, Record<string, unknown>> & {
    goroutines?: {header: string; state: string}[]
    threads?: {name: string}[]
  }
  if (report.crash && 'header' in report.crash) {
    const lines = [`panic: ${SECRET}`, `PC=${SECRET}`, `\tpanic: ${SECRET} [recovered]`, `fatal error: ${SECRET}`]
    const cause = {kind: 'assert', text: `${SECRET}: ${SECRET}.c:1: Assertion`}
    Object.assign(report.crash, {cause, kind: 'panic', message: `${SECRET}\n${SECRET}`, header: lines})
  }
  if (report.summary) report.summary.what = `panic: ${SECRET} …: ${SECRET}: ${SECRET}.c:1: Assertion`
  for (const goroutine of report.goroutines ?? []) {
    goroutine.header = goroutine.header.replace(']:', `, 3 minutes] {"${SECRET}": "a]:{${SECRET}"}:`)
    goroutine.state += ` labels:{"${SECRET}": "x"}`
  }
  for (const thread of report.threads ?? []) thread.name = SECRET
  return report
}

/** The report as its commands make it: lists on demand, the tail when it is asked for. */
function answerOf(name: keyof Answers, json: Record<string, unknown>): object {
  const later = (key: string) => () => json[key]
  if (name === 'goroutines' || name === 'threads') {
    const lists = {blocking: later('blocking'), counts: later('counts'), diagnostics: later('diagnostics')}
    return {...json, ...lists, noteLimit: () => {}}
  }
  const threads = json.threads as unknown[]
  return name === 'analyze' ? {...json, detail: 'full', threadsWithoutGoroutine: () => threads, tail: () => json} : json
}

for (const name of ['analyze', 'goroutines', 'threads', 'cgo', 'info'] as const) {
  test(`no format of ${name} tells a planted secret`, async t => {
    const fixture = await openFixture('callback-deep-go1.27')
    const args = [name, fixture.core, '-e', fixture.executable, '--sysroot', fixture.sysroot, '--json', '--quiet']
    const json = planted(JSON.parse(runCommand(args).stdout))
    const answer = new Redaction([]).answer(answerOf(name, json))
    t.regex(JSON.stringify(json), /hunter2/)
    for (const [format, {renderers}] of Object.entries<Format>(FORMATS)) {
      const render = renderers[name] as ((answer: object, looks: object) => Iterable<string | Uint8Array>) | undefined
      const looks = {style: PLAIN_STYLE, view: 'whole', registers: true}
      const pieces = [...(render?.(answer, looks) ?? [])].filter(piece => typeof piece === 'string')
      t.notRegex(pieces.join(''), /hunter2|alice|Assertion/, format)
      if (format === 'json') t.regex(pieces.join(''), /"GOARCH": "amd64"/)
    }
  })
}

test('of an error of the runtime the kind is told, and of a fatal error the text', t => {
  const redaction = new Redaction([])
  const crash = (kind: string, message: string, header: string[]) => redaction.value({kind, message, header})
  t.deepEqual(
    crash('panic', 'runtime error: index out of range [5] with length 3', [
      'panic: runtime error: index out of range [5] with length 3 [recovered]',
      `\tpanic: ${SECRET}`,
      '[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x47f3e5]',
    ]),
    {
      kind: 'panic',
      message: 'runtime error: index out of range',
      header: [
        'panic: runtime error: index out of range [recovered]',
        '\tpanic: [redacted]',
        '[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x47f3e5]',
      ],
    },
  )
  const fatal = ['fatal error: all goroutines are asleep - deadlock!']
  t.deepEqual(crash('fatal', 'all goroutines are asleep - deadlock!', fatal).header, fatal)
})

const directory = mkdtempSync(join(tmpdir(), 'redact-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

test.serial('every command leaves out what it should, on standard error too, and says so', async t => {
  const fixture = await openFixture('blocked-panic-go1.27')
  const home = join(directory, 'home', PERSON)
  mkdirSync(home, {recursive: true})
  const core = join(home, 'core')
  const executable = join(home, 'server')
  copyFileSync(fixture.core, core)
  copyFileSync(fixture.executable, executable)
  const text = /^panic: (.*)$/m.exec(runCommand(['analyze', core, '-e', executable]).stdout)?.[1] ?? ''
  t.true(text.length > 3)
  const commands = [
    ...['analyze', 'goroutines', 'threads', 'cgo', 'info'].flatMap(name => [
      [name, core, '-e', executable],
      [name, core, '-e', executable, '--json'],
      [name, join(home, 'missing')],
      [name, join(home, 'missing'), '--json'],
    ]),
    ['goroutines', core, '-e', executable, '--ndjson'],
    ['goroutines', core, '-e', executable, '--group'],
    ['symbolize', executable, '0x401000'],
    ['symbolize', join(home, 'missing'), '0x401000', '--json'],
    ['batch', home, '--summary'],
    ['batch', home, '--group'],
    ['batch', join(home, 'missing')],
  ]
  for (const args of commands) {
    const {stdout, stderr} = runCommand([...args, '--redact'])
    for (const output of [stdout, stderr]) {
      t.false(output.includes(PERSON), args.join(' '))
      t.false(output.includes(text), args.join(' '))
    }
    if (args.includes('--json') && args[1] === core) {
      t.true(JSON.parse(stdout).diagnostics.some(({code}: {code: string}) => code === 'redacted'))
    }
  }
})

test.serial('a batch that leaves out homes knows its cores again', t => {
  const home = join(directory, 'home', PERSON)
  const output = join(directory, 'lines.ndjson')
  const args = ['batch', home, '--redact', '--quiet', '-o', output, '--resume']
  t.is(runCommand(args).exitCode, 0)
  const once = readFileSync(output, 'utf8')
  t.like(JSON.parse(once.split('\n')[0] ?? ''), {redacted: true})
  t.is(runCommand(args).exitCode, 0)
  t.is(readFileSync(output, 'utf8'), once)
})

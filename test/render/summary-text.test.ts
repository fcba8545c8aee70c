// The summary fits a small terminal, whatever is in it.
import test from 'ava'
import {PLAIN_STYLE} from '../../src/render/style.ts'
import {renderSummary} from '../../src/render/summary-text.ts'
import type {SummaryReport} from '../../src/report/core-report.ts'

const place: SummaryReport['where'][number] = {
  kind: 'c',
  function: 'store_value',
  file: '/src/fault.c',
  line: 27,
  module: '/usr/bin/server',
  moduleOffset: '0x8600f',
  firstParty: true,
  goroutine: 20,
  guessed: false,
}
const summary: SummaryReport = {
  what: 'SIGSEGV in C: mov %eax,(%rdx,%rcx,4): null plus 0x8',
  where: [place, {...place, kind: 'go', function: 'main.(*server).dispatch', file: 'main.go', line: 37}],
  who: {
    program: '/usr/bin/server',
    version: 'v1.2.3',
    revision: '0123456789abcdef0123456789abcdef01234567',
    modified: true,
    crashedAt: null,
    goVersion: 'go1.27.4',
    thread: 4242,
    image: null,
    goroutine: 20,
    threads: 5,
    goroutines: 2,
    inC: 1,
    systemAmong: false,
    atLeast: false,
  },
  waits: [],
  missing: null,
  signature: {exact: '4ab4d0cf6f1c6dad', family: 'signal SIGSEGV main.(*server).dispatch store_value'},
}

function render(changes: Partial<SummaryReport> = {}): string[] {
  const text = [...renderSummary({...summary, ...changes}, PLAIN_STYLE)].join('')
  return text.replace(/\n$/, '').split('\n')
}

test('where a Go library died, the release of Go is told as that of the library', t => {
  const who = {...summary.who, revision: null, image: '/usr/lib/libguest.so', goVersion: 'go1.26.1'}
  t.is(render({who})[3], '  who       /usr/bin/server, v1.2.3, go1.26.1 in libguest.so')
  t.is(render({who: {...who, image: '/usr/bin/server'}})[3], '  who       /usr/bin/server, v1.2.3, go1.26.1')
})

test('a crash is told in six lines', t => {
  t.deepEqual(render(), [
    'server died: SIGSEGV in C: mov %eax,(%rdx,%rcx,4): null plus 0x8',
    '  where     store_value, /src/fault.c:27 (C)',
    '            main.(*server).dispatch, main.go:37 (Go)',
    '  who       /usr/bin/server, v1.2.3, revision 0123456789ab (modified), go1.27.4',
    '            goroutine 20, thread 4242; 2 goroutines (1 in C), 5 threads',
    '  signature 4ab4d0cf6f1c6dad signal SIGSEGV main.(*server).dispatch store_value',
  ])
})

test('a program that ran from memory is called as memory was, and a time that was noted stands with it', t => {
  const who = {
    ...summary.who,
    program: '/memfd:clone:/proc/self/exe',
    revision: null,
    crashedAt: '2023-11-14T22:13:20.000Z',
  }
  const lines = render({who})
  t.true(lines.includes('  who       /memfd:clone:/proc/self/exe, v1.2.3, go1.27.4, 2023-11-14T22:13:20Z'))
  t.true(lines.join(' ').startsWith('memfd:clone:/proc/self/exe died: SIGSEGV'))
})

test('what is long is cut where it says least: twelve lines of 80 columns', t => {
  const lines = render({
    what: `SIGABRT in C: ${'a sentence that does not end, '.repeat(20)}`,
    where: [{...place, function: `ns::${'Type<int>::'.repeat(20)}f()`, file: `/${'folder/'.repeat(30)}a.cc`}],
    who: {...summary.who, program: `/${'a folder/'.repeat(30)}server`},
    waits: ['one waits for another, '.repeat(30), 'and this one too, '.repeat(30), 'a third'],
    missing: {what: 'much is missing, '.repeat(30), command: 'gotrace-core analyze core --exe server'},
    signature: {exact: '4ab4d0cf6f1c6dad', family: `signal ${'long '.repeat(40)}`},
  })
  t.true(lines.length <= 12, lines.join('\n'))
  t.deepEqual(
    lines.filter(line => line.length > 80),
    [],
  )
  t.true(
    lines.some(line => line.includes('f(), ') && line.includes('/a.cc:27 (C)')),
    lines.join('\n'),
  )
  t.true(lines.some(line => line.endsWith('…')))
})

test('what was guessed, what is of a library and whose stack it is are marked', t => {
  const guess = {...place, guessed: true, firstParty: false, goroutine: 1}
  t.is(render({where: [guess]})[1], '  where     store_value, /src/fault.c:27 (C, goroutine 1, library, guessed)')
})

test('code without a name is told by file and offset, never by a build ID', t => {
  const lines = render({
    where: [{...place, function: null, file: null, line: null}],
    signature: {exact: 'ab', family: `signal SIGSEGV - ${'0123456789'.repeat(4)}+0x8600f`},
  })
  t.is(lines[1], '  where     server+0x8600f (C)')
  const unknown = {...place, function: null, file: null, line: null, kind: 'go' as const, firstParty: false}
  t.is(render({where: [unknown]})[1], '  where     server+0x8600f (Go)')
  t.is(lines.at(-1), '  signature ab signal SIGSEGV - 01234567…+0x8600f')
})

// What kind of death a signature is of, and which part of its text is the data's.
import test from 'ava'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {classifyCrash} from '../../../src/analysis/signature/crash-class.ts'
import {programName} from '../../../src/analysis/signature/program-name.ts'
import type {CrashReport} from '../../../src/report/core-report.ts'
import {ABRT, fatalOf, panicOf, SEGV} from '../../support/signature-facts.ts'

const PID = 7

function classOf(crash: CrashReport): string {
  const {kind, detail, isFromOutside, isOverflow, isDeadlock} = classifyCrash(crash, PID)
  const marks = [isFromOutside && 'outside', isOverflow && 'overflow', isDeadlock && 'deadlock'].filter(Boolean)
  return [kind, detail, ...marks].join(' | ')
}

const sent = (signal: string, code: number, senderPid: number | null) => ({...ABRT, signal, code, senderPid})
const causeOf = (kind: NonNullable<CrashReport['cause']>['kind'], text: string) => ({...ABRT, cause: {kind, text}})

const CLASSES: readonly (readonly [what: string, crash: CrashReport, expected: string])[] = [
  ['a fault', SEGV, 'signal SIGSEGV | '],
  ['an abort of its own', ABRT, 'signal SIGABRT | '],
  ['a signal of another process', sent('SIGTERM', 0, 99), 'signal SIGTERM from outside |  | outside'],
  ['a signal that nobody is named for', sent('SIGTERM', 0, null), 'signal SIGTERM from outside |  | outside'],
  ['tgkill without a sender is raise', sent('SIGABRT', -6, null), 'signal SIGABRT | '],
  ['a terminal’s', sent('SIGQUIT', 0x80, null), 'signal SIGQUIT from the kernel |  | outside'],
  ['a fault without a better word is the kernel’s, and no sender’s', sent('SIGSEGV', 0x80, null), 'signal SIGSEGV | '],
  ['an index', panicOf('runtime error: index out of range [5] with length 3'), 'panic | index out of range'],
  ['a text with numbers', panicOf('job 17 took 1m30s at 0xc000012345'), 'panic | job # took # at #'],
  ['a text with quotes', panicOf('open "/tmp/a b": no such file'), 'panic | open "": no such file'],
  [
    'a conversion names what was wanted',
    panicOf('interface conversion: interface {} is string, not int'),
    'panic | interface conversion: not int',
  ],
  [
    'a deadlock',
    fatalOf('all goroutines are asleep - deadlock!'),
    'fatal | all goroutines are asleep - deadlock! | deadlock',
  ],
  ['a stack that ran over', fatalOf('stack overflow'), 'fatal | stack overflow | overflow'],
  ['a failed assertion', causeOf('assert', "x.c:5: f: Assertion `n > 0' failed."), 'signal SIGABRT | assert n > 0'],
  ['a heap that is broken', causeOf('malloc', 'free(): invalid pointer'), 'signal SIGABRT | malloc invalid pointer'],
  [
    'a message of libc that is of no check',
    causeOf('libc', 'FATAL: exception not rethrown, in f (a.cc:3)'),
    'signal SIGABRT | libc FATAL: exception not rethrown',
  ],
]

for (const [what, crash, expected] of CLASSES) {
  test(`class of a crash: ${what}`, t => {
    t.is(classOf(crash), expected)
  })
}

const POINTER = 'Go pointer in an argument of cgo'

const VALUES: readonly (readonly [
  what: string,
  panics: [type: string | null, text: string | null][],
  detail: string,
])[] = [
  ['a string tells all by its text', [['string', 'no file']], 'no file'],
  ['an error has a type', [['*errors.errorString', 'no file']], '*errors.errorString: no file'],
  ['another error has another', [['main.failure', 'row 4']], 'main.failure: row #'],
  ['a number', [['int', '17']], 'int: #'],
  ['a type that is not known', [[null, 'no file']], 'no file'],
  ['an error of the runtime', [['runtime.boundsError', 'index out of range [5] with length 0']], 'index out of range'],
  ['arguments of a generic type', [['main.failure[int,main.T[string]]', 'no']], 'main.failure[...]: no'],
  ['a pointer that C must not have', [['runtime.errorString', 'cgo argument has Go pointer to Go pointer']], POINTER],
  [
    'the same since 1.26',
    [['runtime.errorString', 'argument of cgo function has Go pointer to unpinned Go slice']],
    POINTER,
  ],
  ['one that C was returned', [['runtime.errorString', 'cgo result has Go pointer']], 'Go pointer in a result of cgo'],
  ['a type that was moved', [['*os.PathError', 'open x']], '*fs.PathError: open x'],
  [
    'a panic of a deferred function',
    [
      ['runtime.errorString', 'invalid memory address or nil pointer dereference'],
      [null, 'job 7'],
    ],
    'invalid memory address or nil pointer dereference, during panic job #',
  ],
  [
    'one that is raised again',
    [
      ['string', 'job 7'],
      [null, 'job 7'],
    ],
    'job #',
  ],
]

for (const [what, panics, detail] of VALUES) {
  test(`class of a panic: ${what}`, t => {
    const values = panics.map(([type, text]) => ({type, text}))
    t.is(classifyCrash(panicOf(values[0]?.text ?? ''), PID, values).detail, detail)
  })
}

test('a signal that the process sent to itself is no fault', t => {
  const raised = {...SEGV, code: -6, senderPid: PID}
  t.is(classOf(raised), 'signal SIGSEGV | raised')
})

test('a program is named by its main package, else by the file with its main function, else by its file', t => {
  const main = {entry: 0x4000, fileLine: () => ({file: '/src/cmd/serve.go', line: 3})}
  const tables = {functionNamed: (name: string) => (name === 'main.main' ? main : undefined)}
  const nameOf = (process: object, executable: string | null = '/opt/bin/app') =>
    programName(process as DeadProcess, executable)
  t.is(nameOf({buildInfo: {path: 'example.com/serve'}, tables}), 'example.com/serve')
  t.is(nameOf({buildInfo: {path: 'command-line-arguments'}, tables}), 'serve.go')
  t.is(nameOf({tables}), 'serve.go')
  t.is(nameOf({}), 'app')
  t.is(nameOf({}, null), '?')
  const library = {buildInfo: {path: 'example.com/library'}, tables, goModule: {isExecutable: false}}
  t.is(nameOf(library), 'app', 'a library is not the program')
})

import test from 'ava'
import {
  fatalLines,
  type PanicFacts,
  panicLines,
  type SignalFacts,
  signalHeader,
  signalLine,
} from '../../../src/analysis/crash/crash-header.ts'
import {GoVersion} from '../../../src/gosym/version.ts'
import {everyRelease, type ReleaseRows} from '../../support/release-rows.ts'

/** Go, src/runtime/panic.go and signal_unix.go of the release. */
type Rows = ReleaseRows<readonly string[]>

const SEGV: SignalFacts = {
  signal: 11,
  code: 1,
  pc: 0x4a04b4,
  faultAddress: 0x18n,
  m: 3,
  duringCgo: true,
  instruction: undefined,
}
const CGO = 'signal arrived during cgo execution'
const BYTES = Uint8Array.of(0x0f, 0x0b, 0x00, 0xff)

const SIGNAL_HEADERS: readonly (readonly [what: string, facts: SignalFacts, rows: Rows])[] = [
  [
    'a segmentation violation in C tells its address from 1.22 on, its code from 1.8 on',
    SEGV,
    [
      [7, ['SIGSEGV: segmentation violation', 'PC=0x4a04b4 m=3', CGO]],
      [8, ['SIGSEGV: segmentation violation', 'PC=0x4a04b4 m=3 sigcode=1', CGO]],
      [22, ['SIGSEGV: segmentation violation', 'PC=0x4a04b4 m=3 sigcode=1 addr=0x18', CGO]],
    ],
  ],
  [
    'a bus error tells its address from 1.22 on',
    {...SEGV, signal: 7, code: 2, duringCgo: false},
    [
      [8, ['SIGBUS: bus error', 'PC=0x4a04b4 m=3 sigcode=2']],
      [22, ['SIGBUS: bus error', 'PC=0x4a04b4 m=3 sigcode=2 addr=0x18']],
    ],
  ],
  [
    'an abort has no address, and its negative code is read as unsigned',
    {...SEGV, signal: 6, code: -6, m: 0},
    [
      [7, ['SIGABRT: abort', 'PC=0x4a04b4 m=0', CGO]],
      [8, ['SIGABRT: abort', 'PC=0x4a04b4 m=0 sigcode=18446744073709551610', CGO]],
    ],
  ],
  [
    'an illegal instruction is shown in bytes from 1.15 on, without leading zeros',
    {...SEGV, signal: 4, code: 2, duringCgo: false, instruction: BYTES},
    [
      [8, ['SIGILL: illegal instruction', 'PC=0x4a04b4 m=3 sigcode=2']],
      [15, ['SIGILL: illegal instruction', 'PC=0x4a04b4 m=3 sigcode=2', 'instruction bytes: 0xf 0xb 0x0 0xff']],
    ],
  ],
  [
    'so is that of a floating-point exception, from 1.16 on',
    {...SEGV, signal: 8, code: 1, duringCgo: false, instruction: BYTES},
    [
      [8, ['SIGFPE: floating-point exception', 'PC=0x4a04b4 m=3 sigcode=1']],
      [16, ['SIGFPE: floating-point exception', 'PC=0x4a04b4 m=3 sigcode=1', 'instruction bytes: 0xf 0xb 0x0 0xff']],
    ],
  ],
  [
    'a segmentation violation shows no bytes',
    {...SEGV, duringCgo: false, instruction: BYTES},
    [[22, ['SIGSEGV: segmentation violation', 'PC=0x4a04b4 m=3 sigcode=1 addr=0x18']]],
  ],
  [
    'a real-time signal is in the table by its number',
    {...SEGV, signal: 40, code: 0, duringCgo: false},
    [[8, ['signal 40', 'PC=0x4a04b4 m=3 sigcode=0']]],
  ],
  [
    'a signal past the table has a capital letter',
    {...SEGV, signal: 70, code: 0, duringCgo: false},
    [[8, ['Signal 70', 'PC=0x4a04b4 m=3 sigcode=0']]],
  ],
  [
    'what the core does not tell is left out or a question mark',
    {...SEGV, code: undefined, m: null},
    [[7, ['SIGSEGV: segmentation violation', 'PC=0x4a04b4 m=?', CGO]]],
  ],
]

for (const [what, facts, rows] of SIGNAL_HEADERS) {
  test(`signal header: ${what}`, t => {
    for (const {version, form} of everyRelease(rows)) {
      t.deepEqual(signalHeader(facts, {version, oldestVersion: version}), form, version.text)
    }
  })
}

test('signal header: 1.7 printed no code, so none is said to be printed where it may be that release', t => {
  const [version, oldestVersion] = [GoVersion.ofMinor(8), GoVersion.ofMinor(7)]
  const [, place] = signalHeader(SEGV, {version, oldestVersion})
  t.is(place, 'PC=0x4a04b4 m=3')
  t.is(signalHeader(SEGV, {version, oldestVersion: version})[1], 'PC=0x4a04b4 m=3 sigcode=1')
})

test('a signal that became a panic is a line in brackets, with a number for a name past the table', t => {
  const fault = {signal: 11, code0: 1n, code1: 0n, pc: 0x4a04b4n}
  t.is(signalLine(fault), '[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4a04b4]')
  t.is(signalLine({...fault, signal: 66}), '[signal 0x42 code=0x1 addr=0x0 pc=0x4a04b4]')
})

const PANIC: PanicFacts = {text: 'first', recovered: false, repanicked: false, goexit: false}
const GOEXIT: PanicFacts = {text: '', recovered: false, repanicked: false, goexit: true}

/** The chain as g._panic has it, newest first. */
const PANICS: readonly (readonly [what: string, chain: readonly PanicFacts[], rows: Rows])[] = [
  ['none', [], [[7, []]]],
  ['one', [PANIC], [[7, ['panic: first']]]],
  [
    'one whose text has two lines: the second is indented from 1.23 on',
    [{...PANIC, text: 'first\nsecond'}],
    [
      [7, ['panic: first', 'second']],
      [23, ['panic: first', '\tsecond']],
    ],
  ],
  ['a panic in a deferred function', [{...PANIC, text: 'second'}, PANIC], [[7, ['panic: first', '\tpanic: second']]]],
  [
    'a panic in a deferred function that had recovered the first',
    [
      {...PANIC, text: 'second'},
      {...PANIC, recovered: true},
    ],
    [[7, ['panic: first [recovered]', '\tpanic: second']]],
  ],
  [
    'a value that was recovered and raised again is printed once from 1.25 on',
    [PANIC, {...PANIC, recovered: true, repanicked: true}],
    [
      [7, ['panic: first [recovered]', '\tpanic: first']],
      [25, ['panic: first [recovered, repanicked]']],
    ],
  ],
  [
    'a value that was raised again without being recovered: only 1.25 says that it was',
    [PANIC, {...PANIC, repanicked: true}],
    [
      [24, ['panic: first', '\tpanic: first']],
      [25, ['panic: first [recovered, repanicked]']],
      [26, ['panic: first']],
    ],
  ],
  [
    'after a value that was raised again, one of another is printed',
    [{...PANIC, text: 'third'}, PANIC, {...PANIC, recovered: true, repanicked: true}],
    [
      [24, ['panic: first [recovered]', '\tpanic: first', '\tpanic: third']],
      [25, ['panic: first [recovered, repanicked]', '\tpanic: third']],
    ],
  ],
  ['a Goexit alone prints nothing', [GOEXIT], [[14, []]]],
  ['a panic while a Goexit runs deferred functions is not indented', [PANIC, GOEXIT], [[14, ['panic: first']]]],
  ['a Goexit in a deferred function of a panic leaves its tab behind', [GOEXIT, PANIC], [[14, ['panic: first', '\t']]]],
]

for (const [what, chain, rows] of PANICS) {
  test(`panics: ${what}`, t => {
    for (const {version, form} of everyRelease(rows)) t.deepEqual(panicLines(chain, version), form, version.text)
  })
}

test('the text of a throw is as it is up to 1.22, and indented from 1.23 on', t => {
  const rows: Rows = [
    [7, ['fatal error: bad', 'worse']],
    [23, ['fatal error: bad', '\tworse']],
  ]
  for (const {version, form} of everyRelease(rows)) t.deepEqual(fatalLines('bad\nworse', version), form, version.text)
})

test('a fatal error while deferred functions of a panic ran is printed below that panic from 1.26 on', t => {
  const rows: Rows = [
    [19, ['fatal error: bad', 'worse']],
    [23, ['fatal error: bad', '\tworse']],
    [26, ['panic: first', '\tpanic: second', '\tfatal error: bad', '\tworse']],
  ]
  const pending = [{...PANIC, text: 'second'}, PANIC]
  for (const {version, form} of everyRelease(rows)) {
    t.deepEqual(fatalLines('bad\nworse', version, pending), form, version.text)
  }
})

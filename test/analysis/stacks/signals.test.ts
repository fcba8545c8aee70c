import test from 'ava'
import type {SignalFrame} from '../../../src/amd64/signal-context.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {
  behindNamelessRaise,
  findFirstFault,
  isFault,
  isNamelessRaise,
  killingSignal,
} from '../../../src/analysis/stacks/signals.ts'
import {toAddress} from '../../../src/base/address.ts'
import type {UnwindFrame} from '../../../src/unwind/unwind-frame.ts'
import {BytesBuilder} from '../../support/bytes-builder.ts'
import {memoryOf} from '../../support/memory-of.ts'

/** `int3` at 0x1000; the pc that the kernel reports lies behind it. Thread 7 is the one that the core names first. */
function killingSignalOf(number: number | undefined, {tid = 7, pc = 0x1001} = {}) {
  const memory = memoryOf(new BytesBuilder(0x1000).hex('cc 90 90 90'))
  const core = {signal: number === undefined ? undefined : {number}, threads: [{tid: 7}, {tid: 8}]}
  return killingSignal({core, memory} as unknown as DeadProcess, tid, toAddress(pc))
}

test('the first thread of the core is the one that the signal killed', t => {
  t.is(killingSignalOf(11), 11)
  t.is(killingSignalOf(11, {tid: 8}), undefined)
  t.is(killingSignalOf(0), undefined)
  t.is(killingSignalOf(undefined), undefined)
})

test('what a debugger stopped was not killed: SIGSTOP, and SIGTRAP where the program has no breakpoint', t => {
  t.is(killingSignalOf(19), undefined)
  t.is(killingSignalOf(5), 5)
  t.is(killingSignalOf(5, {pc: 0x1003}), undefined)
})

test('a fault is what a program’s own code did', t => {
  const faults = Array.from({length: 65}, (_, number) => number).filter(isFault)
  t.deepEqual(faults, [4, 5, 6, 7, 8, 11, 31])
})

const PROGRAM = {path: '/bin/program', isExecutable: true, start: 0x400000, end: 0x500000}
const LIBC = {path: '/lib/libc.so.6', isExecutable: false, start: 0x7f0000000000, end: 0x7f0000100000}
const VDSO = {...LIBC, path: '[vdso]'}

interface Raised {
  readonly code?: number
  readonly pc?: number
  readonly senderPid?: number
  readonly dying?: number
  readonly caughtsig?: number
  readonly libraries?: readonly object[]
  readonly tables?: object
}

/** Of a process of pid 1 whose code has no names. */
function isRaise({code = -6, pc = 0x462241, senderPid, libraries = [LIBC], tables, ...given}: Raised = {}) {
  const {dying = 1, caughtsig = 0} = given
  const modules = [PROGRAM, ...libraries]
  const process = {core: {process: {pid: 1}}, tables, goModule: PROGRAM, modules} as unknown as DeadProcess
  return isNamelessRaise(process, {dying, caughtsig: toAddress(caughtsig)}, {code, pc: toAddress(pc), senderPid})
}

test('the runtime ends the process by a signal that it sends itself, from its own image, while its M is dying', t => {
  t.true(isRaise())
  t.true(isRaise({caughtsig: 0xc000000000}))
  t.false(isRaise({dying: 0}))
  t.false(isRaise({code: 1}))
  t.false(isRaise({pc: LIBC.start + 0x10}), 'C raised it')
  t.false(isRaise({tables: {}}), 'its functions have names')
  // A static program has abort of its own, which the runtime may have caught.
  t.false(isRaise({caughtsig: 0xc000000000, libraries: [VDSO]}))
  t.true(isRaise({libraries: []}))
})

test('a signal that killed, which the program’s own code sent, is one of the runtime’s if C has a library for that', t => {
  const killed = {dying: 0, senderPid: 1}
  t.true(isRaise(killed))
  t.false(isRaise({...killed, pc: LIBC.start + 0x10}), 'C raised it')
  t.false(isRaise({...killed, libraries: [VDSO]}), 'a static program')
  t.false(isRaise({...killed, code: 0}), 'kill')
  t.false(isRaise({...killed, senderPid: 2}), 'another process')
})

test('without names, a handler on C’s stack that raises its signal again is the runtime’s where no M was dying', t => {
  const frames = Array.from({length: 8}, () => ({})) as unknown as UnwindFrame[]
  const quit = {index: 6, signal: {signal: 3, code: -6} as SignalFrame, isPlumbing: false}
  const found = (dying: number | undefined) => {
    const all = behindNamelessRaise([quit], dying === undefined ? undefined : {dying})
    return [findFirstFault(frames, all)?.index, ...all.map(({index, isPlumbing}) => [index, isPlumbing])]
  }
  const raised = [6, [0, false], [6, true]]
  t.deepEqual(found(undefined), raised)
  t.deepEqual(found(0), raised)
  t.deepEqual(
    found(1),
    [undefined, [0, false], [6, false]],
    'what ended the process may have been called by C’s handler',
  )
  t.is(behindNamelessRaise([], undefined).length, 1)
})

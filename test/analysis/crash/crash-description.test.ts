import test from 'ava'
import {describePanic, describeThrow, textsOfFault, throwingOf} from '../../../src/analysis/crash/crash-description.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {GoVersion} from '../../../src/gosym/version.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import type {Machine} from '../../../src/runtime-model/machine.ts'
import {everyRelease} from '../../support/release-rows.ts'

const GO_PC = 0x470000
const PROCESS = {
  version: GoVersion.ofMinor(27),
  tables: {functionAt: (pc: number) => (pc === GO_PC ? {name: 'runtime.memmove'} : undefined)},
} as unknown as DeadProcess
const NO_SIGNAL = {number: 0, code0: 0n, code1: 0n, pc: 0n}
const SEGV = {number: 11, code0: 1n, code1: 0x5000n, pc: 0x401000n}
const LINE = '[signal SIGSEGV: segmentation violation code=0x1 addr=0x5000 pc=0x401000]'

function goroutine(fields: object): Goroutine {
  const stack = {lo: 0xc000000000, hi: 0xc000001000}
  return {signal: NO_SIGNAL, panics: [], stack, sched: {sp: 0xc000000408}, ...fields} as unknown as Goroutine
}

function panic(fields: object) {
  return {value: {text: 'first', typeName: 'string', data: 0x10n, ...fields}, recovered: false, goexit: false}
}

test('m.throwing tells a user’s error from the runtime’s own from 1.19 on', t => {
  const rows = [
    [7, [0, 2, 2]],
    [19, [0, 1, 2]],
  ] as const
  for (const {version, form} of everyRelease<readonly number[]>(rows)) {
    const process = {version} as DeadProcess
    const found = [0, 1, 2].map(throwing => throwingOf(process, {throwing} as Machine))
    t.deepEqual(found, form, version.text)
  }
  t.is(throwingOf({version: GoVersion.ofMinor(15)} as DeadProcess, {throwing: -1} as Machine), 0)
})

test('of a panic that was raised again the message is what is printed, the text of the older record', t => {
  const again = panic({text: '(main.T) 0x5', typeName: 'main.T'})
  const panics = [again, {...panic({}), recovered: true, repanicked: true}]
  t.is(describePanic(PROCESS, goroutine({panics})).message, 'first')
})

test('a panic is told by its value, or by its type and data where the value has no text', t => {
  const described = describePanic(PROCESS, goroutine({panics: [panic({})]}))
  t.like(described, {kind: 'panic', message: 'first', header: ['panic: first']})
  const unreadable = panic({text: undefined, typeName: 'main.T', data: 0xc000016100n})
  t.deepEqual(describePanic(PROCESS, goroutine({panics: [unreadable]})).header, ['panic: (main.T) 0xc000016100'])
})

test('a fault that became a panic keeps its signal', t => {
  const described = describePanic(PROCESS, goroutine({panics: [panic({})], signal: SEGV}))
  t.deepEqual(described.header, ['panic: first', LINE])
  t.like(described.signal, {number: 11, code: 1, address: 0x5000n, pc: 0x401000})
})

test('an unexpected fault address is named before its throw, and a stack that is full has its limits', t => {
  const fault = describeThrow(PROCESS, goroutine({signal: SEGV}), undefined, 'fault')
  t.like(fault, {kind: 'fatal', duringCgo: false})
  t.deepEqual(fault.header, ['unexpected fault address 0x5000', 'fatal error: fault', LINE])
  const full = goroutine({})
  t.deepEqual(describeThrow(PROCESS, full, full, 'stack overflow').header, [
    'runtime: goroutine stack exceeds its limit (how many bytes is not in the core)',
    'runtime: sp=0xc000000400 stack=[0xc000000000, 0xc000001000]',
    'fatal error: stack overflow',
  ])
})

test('up to 1.20 a fault in C became a throw: the fault is the cause', t => {
  const message = 'unexpected signal during runtime execution'
  const described = describeThrow(PROCESS, goroutine({signal: SEGV}), undefined, message)
  t.like(described, {kind: 'signal', duringCgo: true, message})
  t.deepEqual(described.header, [`fatal error: ${message}`, LINE])
})

test('a fault in code of the runtime became the same throw, and no C ran', t => {
  const message = 'unexpected signal during runtime execution'
  const described = describeThrow(PROCESS, goroutine({signal: {...SEGV, pc: BigInt(GO_PC)}}), undefined, message)
  t.like(described, {kind: 'signal', duringCgo: false, message})
})

test('without function tables C is where Go cannot be: not in the module that holds both, nor where that is not known', t => {
  const message = 'unexpected signal during runtime execution'
  const during = (goModule: object | undefined) => {
    const process = {version: PROCESS.version, goModule} as unknown as DeadProcess
    return describeThrow(process, goroutine({signal: SEGV}), undefined, message).duringCgo
  }
  const found = [during({start: 0x500000, end: 0x600000}), during({start: 0x400000, end: 0x500000}), during(undefined)]
  t.deepEqual(found, [true, false, false])
})

test('a throw whose text is lost says so', t => {
  const described = describeThrow(PROCESS, goroutine({}), undefined, null)
  t.like(described, {kind: 'fatal', message: null, header: ['fatal error: (its text is not in the core)']})
})

test('of a throw that a fault became the texts are told that sigpanic has, but for nil pointers', t => {
  const textsOf = (number: number, code0: bigint, code1: bigint) =>
    textsOfFault(goroutine({signal: {number, code0, code1, pc: 1n}}))
  const both = ['fault', 'unexpected signal during runtime execution']
  t.deepEqual(textsOf(11, 1n, 0xdead0000n), both)
  t.deepEqual(textsOf(11, 128n, 0n), both, 'not canonical')
  t.deepEqual(textsOf(7, 3n, 8n), both)
  t.deepEqual([textsOf(11, 2n, 8n), textsOf(7, 2n, 8n), textsOf(8, 1n, 0x401000n)], [[], [], []])
  const {message, header} = describeThrow(PROCESS, goroutine({signal: SEGV}), undefined, null, [], both)
  const text = 'fault, or unexpected signal during runtime execution'
  t.deepEqual([message, header], [null, [`fatal error: (its text is not in the core: ${text})`, LINE]])
})

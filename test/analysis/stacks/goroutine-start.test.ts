// Where the Go frames of a goroutine begin, by what it does and where its thread is.
import test from 'ava'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {findStart} from '../../../src/analysis/stacks/goroutine-start.ts'
import type {ThreadStacks} from '../../../src/analysis/stacks/thread-stacks.ts'
import {toAddress} from '../../../src/base/address.ts'
import {GoVersion} from '../../../src/gosym/version.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import {FakeProcess} from '../../unwind/process.ts'

const STACK = {lo: toAddress(0xc000000000), hi: toAddress(0xc000001000)}
const OWN = STACK.lo + 0x100
const ELSEWHERE = 0x7ffc0000
const GOBUF = {pc: 0x1000, sp: OWN + 8}
const SYSCALL = {pc: 0x2000, sp: OWN + 16}

interface Frame {
  pc: number
  sp: number
  kind: 'go' | 'native' | 'signal'
  interrupted?: boolean
}

interface Situation {
  status?: string
  syscall?: {pc: number; sp: number}
  /** Of its thread; the first `base` are those of a signal handler. */
  frames?: Frame[]
  base?: number
  /** Where a walk from another stack comes to its own. */
  landing?: {pc: number; sp: number; foundBy: string}
  vdso?: {pc: number; sp: number}
  isOther?: boolean
  /** Where the stack of g0 is known. */
  g0?: {lo: number; hi: number}
  /** Where C had called Go last. */
  called?: number
  gobuf?: {pc: number; sp: number}
  m?: number
  /** What is planted in the gobuf is systemstack_switch, and who called that. */
  switch?: {minor: number; caller?: string}
}

/** With function tables, by which alone a switch is told. */
function switched({minor, caller = ''}: NonNullable<Situation['switch']>): Partial<DeadProcess> {
  const slot = GOBUF.sp + (minor >= 21 ? 8 : 0)
  const functionAt = (pc: number) => (pc === GOBUF.pc ? {funcID: 'systemstack_switch'} : {name: caller})
  const memory = new FakeProcess().words(slot, 0x7000)
  return {tables: {functionAt}, version: GoVersion.ofMinor(minor), memory} as unknown as DeadProcess
}

function start(situation: Situation) {
  const {status = 'running', syscall, frames, base = 0, landing, vdso, isOther = false, g0, called = 0} = situation
  const {gobuf = GOBUF} = situation
  const address = toAddress(0x5000)
  const goroutine = {
    address,
    m: situation.m ?? 0x6000,
    stack: STACK,
    sched: gobuf,
    syscall: syscall ?? {pc: 0, sp: 0},
    status: {text: status},
  }
  const machine = {curg: isOther ? 0x9000 : address, vdso}
  const goroutineAt = () => g0 && {stack: g0, sched: {sp: called}}
  const known = situation.switch && switched(situation.switch)
  const process = {...known, runtime: {machineAt: () => machine, goroutineAt}} as unknown as DeadProcess
  const threads = {
    ofMachine: () => frames && {frames, base, innermost: base, leaf: {landing}},
    placeOf: () => frames?.[base],
  } as unknown as ThreadStacks
  const {pc, trap, isSyscall, foundBy} = findStart(process, threads, goroutine as unknown as Goroutine)
  return [pc, trap, isSyscall, foundBy]
}

const go = (pc: number, fields: Partial<Frame> = {}): Frame => ({
  pc,
  sp: OWN,
  kind: 'go',
  interrupted: false,
  ...fields,
})

const FROM_GOBUF = [GOBUF.pc, false, false, 'gobuf']
const FROM_SYSCALL = [SYSCALL.pc, false, true, 'syscall']

const SITUATIONS: Readonly<Record<string, [Situation, unknown[]]>> = {
  'parked: where the scheduler left it': [{status: 'waiting'}, FROM_GOBUF],
  'parked, its old thread in Go: still where the scheduler left it': [
    {status: 'waiting', frames: [go(0x30)]},
    FROM_GOBUF,
  ],
  'in a system call: what entersyscall saved': [{status: 'syscall', syscall: SYSCALL}, FROM_SYSCALL],
  'running: the registers of its thread': [{frames: [go(0x30, {interrupted: true})]}, [0x30, true, false, 'context']],
  'running, calls a nil function: the registers all the same': [
    {frames: [go(0, {kind: 'native', interrupted: true})]},
    [0, true, false, 'context'],
  ],
  'interrupted by a signal: behind its handler': [
    {frames: [go(0x10, {sp: ELSEWHERE}), go(0x30)], base: 1},
    [0x30, false, false, 'signal-frame'],
  ],
  'C on its own stack: the first Go frame there': [
    {frames: [go(0x10, {kind: 'native'}), go(0x30)]},
    [0x30, false, false, 'cfi'],
  ],
  'in the vDSO: its caller': [
    {frames: [go(0x10, {sp: ELSEWHERE, kind: 'native'})], vdso: {pc: 0x40, sp: OWN}},
    [0x40, false, false, 'gobuf'],
  ],
  'its thread is on another stack: where the scheduler left it': [{frames: [go(0x10, {sp: ELSEWHERE})]}, FROM_GOBUF],
  'in racecall, on the stack of g0: its caller': [
    {frames: [go(0x10, {sp: ELSEWHERE})], landing: {pc: 0x40, sp: OWN, foundBy: 'pcsp'}},
    [0x40, false, false, 'pcsp'],
  ],
  'in systemstack: where that left it': [
    {frames: [go(0x10, {sp: ELSEWHERE})], landing: {pc: 0x40, sp: OWN, foundBy: 'stack-switch'}},
    FROM_GOBUF,
  ],
  'its M runs another one: where the scheduler left it': [{frames: [go(0x30)], isOther: true}, FROM_GOBUF],
  'no thread of the core runs its M: nobody knows': [{}, [0, false, false, 'gobuf']],
  'about to run, on no M yet: where the scheduler left it': [{m: 0}, FROM_GOBUF],
  'no thread, up to 1.16 in systemstack: where that left it': [{switch: {minor: 16}}, FROM_GOBUF],
  'no thread, since 1.17 in systemstack or asmcgocall: nobody knows': [
    {switch: {minor: 17, caller: 'runtime.cgocall'}},
    [0, false, false, 'gobuf'],
  ],
  'no thread, dying on the system stack: where that left it': [
    {switch: {minor: 27, caller: 'runtime.fatalthrow'}},
    FROM_GOBUF,
  ],
  'no thread, and gogo has cleared the stack pointer: nobody knows': [
    {gobuf: {pc: GOBUF.pc, sp: 0}},
    [0, false, false, 'gobuf'],
  ],
  'running, a stale system call: the registers of its thread': [
    {frames: [go(0x30)], syscall: SYSCALL},
    [0x30, false, false, 'context'],
  ],
  'running in C: what entersyscall saved': [
    {frames: [go(0x10, {sp: ELSEWHERE, kind: 'native'})], syscall: SYSCALL},
    FROM_SYSCALL,
  ],
}

for (const [what, [situation, expected]] of Object.entries(SITUATIONS)) {
  test(what, t => {
    t.deepEqual(start(situation), expected)
  })
}

test('who runs in a handler whose stack is lost is not where the scheduler last saw it', t => {
  const frames = [go(0x3000, {sp: ELSEWHERE})]
  const g0 = {lo: ELSEWHERE + 0x10000, hi: ELSEWHERE + 0x20000}
  t.deepEqual(start({frames, g0}), [0, false, false, 'gobuf'])
  t.deepEqual(start({frames, g0: {lo: ELSEWHERE - 0x1000, hi: ELSEWHERE + 0x1000}}), FROM_GOBUF)
  t.deepEqual(start({frames, g0, status: 'waiting'}), FROM_GOBUF)
  t.deepEqual(start({frames, g0, called: ELSEWHERE + 0x800}), FROM_GOBUF, 'systemstack on a coroutine')
})

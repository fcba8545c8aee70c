import test from 'ava'
import type {DeadProcess} from '../../src/analysis/process/dead-process.ts'
import {findCSegments} from '../../src/analysis/stacks/c-segments.ts'
import type {ThreadStacks} from '../../src/analysis/stacks/thread-stacks.ts'
import {toAddress} from '../../src/base/address.ts'
import type {Goroutine} from '../../src/runtime-model/goroutine.ts'

const STACK = {lo: toAddress(0xc000040000), hi: toAddress(0xc000041000)}
const G0_STACK = 0x7ffd0000

/** A frame of Go code on the goroutine's stack, or of C on the thread's. */
function frame(name: string, sp: number, funcID = 'normal') {
  const isGo = sp >= STACK.lo && sp < STACK.hi
  return {kind: isGo ? 'go' : 'native', sp: toAddress(sp), go: isGo ? {name, funcID} : undefined, name}
}

/** Names of the frames of each segment, of a goroutine whose system call began at `syscallSp`. */
function segmentsOf(frames: readonly ReturnType<typeof frame>[], syscallSp: number) {
  const goroutine = {
    address: toAddress(0xc000001000),
    m: toAddress(0x5000),
    lockedM: toAddress(0),
    stack: STACK,
    sched: {pc: toAddress(0), sp: toAddress(0), bp: toAddress(0)},
    syscall: {pc: toAddress(0x4010), sp: toAddress(syscallSp), bp: toAddress(0)},
    status: {text: 'syscall'},
  } as unknown as Goroutine
  const process = {runtime: {machineAt: () => ({curg: goroutine.address})}} as unknown as DeadProcess
  const threads = {
    goroutineOn: () => goroutine,
    ofMachine: () => ({frames, base: 0, stop: 'end-of-stack'}),
  } as unknown as ThreadStacks
  const {leaf, callbacks} = findCSegments(process, threads, goroutine)
  const names = (segment: readonly unknown[]) => segment.map(each => (each as {name: string}).name)
  return {leaf: names(leaf), callbacks: callbacks.map(names)}
}

const INNER = STACK.lo + 0x100
const OUTER = STACK.lo + 0x300

test('frames of C stand above the cgocall that entered them and below the cgocallback that they called', t => {
  const frames = [
    frame('leaf', G0_STACK),
    frame('runtime.cgocall', INNER),
    frame('runtime.cgocallback', INNER + 0x40, 'cgocallback'),
    frame('caller', G0_STACK + 0x100),
    frame('runtime.cgocall', OUTER),
  ]
  t.deepEqual(segmentsOf(frames, INNER), {leaf: ['leaf'], callbacks: [['caller']]})
})

test('a callback that is just entering Go belongs to the system call around it still', t => {
  const frames = [
    frame('futex', G0_STACK),
    frame('runtime.exitsyscall', INNER),
    frame('runtime.cgocallback', INNER + 0x40, 'cgocallback'),
    frame('caller', G0_STACK + 0x100),
    frame('entry', G0_STACK + 0x180),
    frame('runtime.cgocall', OUTER),
    frame('main.main', OUTER + 0x40),
  ]
  t.deepEqual(segmentsOf(frames, OUTER), {leaf: ['caller', 'entry'], callbacks: []})
})

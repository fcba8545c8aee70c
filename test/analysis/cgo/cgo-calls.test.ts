import test from 'ava'
import {findCgoCalls} from '../../../src/analysis/cgo/cgo-calls.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import type {ThreadStacks} from '../../../src/analysis/stacks/thread-stacks.ts'
import {toAddress} from '../../../src/base/address.ts'
import {GoVersion} from '../../../src/gosym/version.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'

const VERSION = GoVersion.ofMinor(27)
const STACK = {lo: toAddress(0xc000040000), hi: toAddress(0xc000041000)}
const SP = STACK.lo + 0x100

/** One word of stack each, and the return address into the next. */
const FUNCTIONS = ['runtime.cgocall', 'main._Cfunc_ask', 'main.main', 'runtime.goexit'].map((name, index) => ({
  name,
  entry: toAddress(0x4000 + index * 0x100),
  funcID: name === 'runtime.goexit' ? 'goexit' : 'normal',
  flag: 0,
  version: VERSION,
  spDelta: () => 0,
  isTopOfStack: () => name === 'runtime.goexit',
  inlineFrames: () => [{name, file: 'main.go', line: 10 + index, funcID: 'normal', inlined: false}],
  argText: () => '',
}))

/** The calls of a goroutine in "syscall" at runtime.cgocall, which had called these C frames. */
function callsOf(incgo: boolean, frames: readonly {kind: string; sp: number}[] | undefined, returnsTo = 0x4110n) {
  const goroutine = {
    address: toAddress(0xc000001000),
    id: 7,
    m: toAddress(0x5000),
    stack: STACK,
    syscall: {pc: toAddress(0x4010), sp: toAddress(SP), bp: toAddress(0)},
    status: {text: 'syscall'},
  } as unknown as Goroutine
  const stack = new BigUint64Array([returnsTo, 0x4210n, 0x4301n, 0n, 0n])
  const process = {
    version: VERSION,
    memory: {
      read: (at: number, length: number) =>
        at >= SP && at + length <= SP + stack.byteLength ? new Uint8Array(stack.buffer, at - SP, length) : undefined,
    },
    tables: {functionAt: (pc: number) => FUNCTIONS.find(({entry}) => pc >= entry && pc < entry + 0x100)},
    runtime: {machineAt: () => ({curg: goroutine.address, incgo, ncgo: 1}), layouts: {m: {has: () => true}}},
    symbolizer: {locate: () => []},
  } as unknown as DeadProcess
  const threads = {
    leafOf: () => frames && {frames, elided: null, missing: [], landing: undefined, stop: 'end-of-stack'},
    callbacksOf: () => undefined,
    rejoinOf: () => undefined,
  } as unknown as ThreadStacks
  const {calls, callbacks, isReturning} = findCgoCalls(process, threads, goroutine)
  const callers = calls.map(({entry, caller}) => `${entry} by ${caller?.function}:${caller?.line}`)
  return {calls: callers, callbacks: callbacks.length, isReturning}
}

const inC = {kind: 'native', sp: 0x7ffd0000, pc: 0x1000, lookupPc: 0x1000}

test('a call is in progress while its thread is in C', t => {
  t.deepEqual(callsOf(true, [inC]), {calls: ['ask by main.main:12'], callbacks: 0, isReturning: false})
})

test('a call whose thread is not in the core is in progress as far as the M knows', t => {
  t.deepEqual(callsOf(true, undefined), {calls: ['ask by main.main:12'], callbacks: 0, isReturning: false})
})

test('a goroutine that waits in exitsyscall has its call behind it', t => {
  t.deepEqual(callsOf(false, undefined), {calls: [], callbacks: 0, isReturning: true})
})

test('where the stack of Go was written over nothing tells who called, nor of a callback', t => {
  const found = callsOf(true, [inC], 0x4242424242424242n)
  t.deepEqual(found, {calls: ['null by undefined:undefined'], callbacks: 0, isReturning: false})
})

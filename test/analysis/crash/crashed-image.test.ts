// Which Go runtime of a process tells the crash, and which signal began it.
import test from 'ava'
import {RegisterSet} from '../../../src/amd64/register-set.ts'
import {imageOnThread} from '../../../src/analysis/crash/crashed-image.ts'
import {firstFault, injectedFault, savedSignal, signalPc} from '../../../src/analysis/crash/first-fault.ts'
import type {ThreadStacks} from '../../../src/analysis/stacks/thread-stacks.ts'
import type {ThreadStack} from '../../../src/analysis/stacks/thread-walk.ts'
import {NOWHERE, toAddress} from '../../../src/base/address.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'

/** A runtime by the threads that run its Ms, and those of them that are on one of its goroutines. */
function image(machines: readonly number[], goroutines: readonly number[]): ThreadStacks {
  return {
    isOnGoroutine: (tid: number) => goroutines.includes(tid),
    machineOf: (tid: number) => (machines.includes(tid) ? {} : undefined),
  } as unknown as ThreadStacks
}

test('the runtime whose goroutine a thread runs, else whose M, else the program’s', t => {
  const program = image([1, 2], [1])
  const library = image([2, 3], [2])
  const images = [program, library]
  t.is(imageOnThread(images, 1), program)
  t.is(imageOnThread(images, 2), library)
  t.is(imageOnThread(images, 3), library)
  t.is(imageOnThread(images, 4), program)
  t.is(imageOnThread(images, undefined), program)
  t.is(imageOnThread([library], 1), library)
})

const signal = (number: number, code: number, pc: number) => ({
  signal: number,
  code,
  faultAddress: 0x18n,
  pc: toAddress(pc),
})

/** A thread's frames with the signals that interrupted it, by the index of the frame behind each. */
function threadOf(interruptions: readonly object[], base = 0): ThreadStack {
  const registers = RegisterSet.ofPosition(toAddress(0x4000), toAddress(0x7000))
  const frames = [0x3000, 0x4000, 0x5000].map(pc => ({pc: toAddress(pc), kind: 'native', registers}))
  return {frames, interruptions, base} as unknown as ThreadStack
}

test('the oldest fault of a thread is its cause, with the registers of what it interrupted', t => {
  const fault = {index: 1, signal: signal(11, 1, 0x4000), isPlumbing: true}
  const found = firstFault(threadOf([fault]))
  t.like(found, {number: 11, code: 1, address: 0x18n, pc: 0x4000, isPlaceLost: false})
  t.is(found && signalPc(found), toAddress(0x4000))
  const lost = firstFault(threadOf([{...fault, isPlaceLost: true}]))
  t.like(lost, {isPlaceLost: true, registers: undefined})
  t.is(firstFault(threadOf([])), undefined)
})

const goroutine = (fields: object) => ({signal: {number: 11, code0: 0xffffffffffffffffn, code1: 0x20n, ...fields}})

test('the signal that a goroutine keeps: its code has a sign, and a pc of no address is nowhere', t => {
  const kept = (fields: object) => savedSignal(goroutine(fields) as unknown as Goroutine)
  t.like(kept({pc: 0x4000n}), {number: 11, code: -1, address: 0x20n, pc: 0x4000, registers: undefined})
  t.is(kept({pc: 0x4141414141414141n})?.pc, NOWHERE)
  t.is(kept({number: 0, pc: 0n}), undefined)
})

test('a call of sigpanic that could not throw is the fault of the frame whose pc g0 keeps', t => {
  const injected = threadOf([{index: 1, signal: undefined, isPlumbing: true}])
  const g0 = (pc: bigint) => goroutine({pc}) as unknown as Goroutine
  t.like(injectedFault(injected, g0(0x4000n)), {number: 11, pc: 0x4000, registers: injected.frames[1]?.registers})
  t.is(injectedFault(injected, g0(0x9000n)), undefined)
  t.is(injectedFault(injected, undefined), undefined)
})

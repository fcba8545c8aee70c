import test from 'ava'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {isFault, killingSignal} from '../../../src/analysis/stacks/signals.ts'
import {toAddress} from '../../../src/base/address.ts'
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

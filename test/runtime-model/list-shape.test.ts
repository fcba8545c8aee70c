import test from 'ava'
import type {Address} from '../../src/base/address.ts'
import {countProcessors} from '../../src/runtime-model/list-shape.ts'
import {ProcessBuilder} from './process-builder.ts'

/** A P of the release; `status` 4 is dead and has no mcache. */
function processorOf(process: ProcessBuilder, id: number, status: number, m: Address | 0): Address {
  const p = process.struct('p', {id, status, m}, 128)
  process.write(p + (process.access.layouts.p.offset('m') ?? 0) + 8, status === 4 ? 0 : process.words(0))
  return p
}

function machineOf(process: ProcessBuilder): Address {
  const g0 = process.struct('g', {})
  const machine = process.struct('m', {g0})
  process.write(g0 + (process.access.layouts.g.offset('m') ?? 0), machine)
  return machine
}

function sliceOf(process: ProcessBuilder, elements: readonly number[]) {
  return {array: process.words(...elements), length: elements.length}
}

for (const minor of [7, 9, 10, 13, 14, 22, 23, 27]) {
  test(`1.${minor}: Ps are a list of Ps, idle, running and dead ones`, t => {
    const process = new ProcessBuilder(minor)
    const machine = machineOf(process)
    const idle = [0, 1, 2].map(id => processorOf(process, id, id === 2 ? 4 : 0, 0))
    t.is(countProcessors(process, sliceOf(process, idle)), 3)
    t.is(countProcessors(process, sliceOf(process, idle.slice(0, 2))), 0, 'two that no M owns prove nothing')
    const running = [processorOf(process, 0, 1, machine), processorOf(process, 1, 0, 0)]
    t.is(countProcessors(process, sliceOf(process, running)), 2)
    const odd = [...idle, processorOf(process, 3, 1, process.words(0))]
    t.is(countProcessors(process, sliceOf(process, odd)), 0, 'what is there at p.m is no M')
  })
}

/** {i, when, period, f, arg, seq} up to 1.9, then with a pointer to the bucket before it (src/runtime/time.go). */
for (const [releases, size, hasBucket] of [
  ['1.7 to 1.9', 48, false],
  ['1.10 to 1.13', 64, true],
] as const) {
  test(`${releases}: the timers of a heap, numbered as Ps are, are none`, t => {
    const process = new ProcessBuilder(10)
    const bucket = process.words(0)
    const call = process.words(0x401000)
    const span = process.allocate(4 * size)
    const timers = [0, 1, 2].map(index => {
      const at = span + index * size
      if (hasBucket) process.write(at, bucket)
      const rest = at + (hasBucket ? 8 : 0)
      for (const [word, value] of [index, 0x1d97_53eb_c7ea, 0, call, bucket].entries()) {
        process.write(rest + word * 8, value)
      }
      return at
    })
    t.is(countProcessors(process, sliceOf(process, timers)), 0)
  })
}

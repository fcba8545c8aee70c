import test from 'ava'
import {findNamelessPanic} from '../../../src/analysis/stacks/nameless-panic.ts'
import type {Machine} from '../../../src/runtime-model/machine.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import type {UnwindFrame} from '../../../src/unwind/unwind-frame.ts'

const STACK = {lo: 0x2000, hi: 0x3000}
const SIGNAL = {number: 11, pc: 0x401300n}

/** Of the runtime on g0, then what called each other, innermost first. */
const FRAMES = [
  {sp: 0x1000, pc: 0x401000},
  {sp: 0x2100, pc: 0x401100},
  {sp: 0x2200, pc: 0x401200},
  {sp: 0x2300, pc: 0x401300},
  {sp: 0x2400, pc: 0x401400},
  {sp: 0x2500, pc: 0x401500},
] as unknown as UnwindFrame[]

interface Panic {
  readonly address: number
  readonly goexit?: boolean
}

function find(panics: readonly Panic[], {dying = 1, throwing = 0, signal = SIGNAL} = {}) {
  const goroutine = {stack: STACK, signal, panics} as unknown as Goroutine
  const found = findNamelessPanic(FRAMES, {dying, throwing} as Machine, goroutine)
  return found && {index: found.index, names: [...found.names]}
}

const GOPANIC = 'runtime.gopanic'

test('the frame that holds the panic is of gopanic; what called that as if from the fault is sigpanic', t => {
  t.deepEqual(find([{address: 0x2180}]), {
    index: 1,
    names: [
      [0x2100, GOPANIC],
      [0x2200, 'runtime.sigpanic'],
    ],
  })
  t.deepEqual(find([{address: 0x2200}]), {index: 2, names: [[0x2200, GOPANIC]]})
  const none = {number: 0, pc: 0x401300n}
  t.deepEqual(find([{address: 0x2180}], {signal: none}), {index: 1, names: [[0x2100, GOPANIC]]})
  const elsewhere = {number: 11, pc: 0x401400n}
  t.deepEqual(find([{address: 0x2180}], {signal: elsewhere}), {index: 1, names: [[0x2100, GOPANIC]]})
})

test('of several panics each has its frame, and the newest is where the runtime began to die; Goexit is none', t => {
  const names = [
    [0x2100, GOPANIC],
    [0x2200, 'runtime.sigpanic'],
    [0x2400, GOPANIC],
  ]
  t.deepEqual(find([{address: 0x2180}, {address: 0x2300, goexit: true}, {address: 0x2480}]), {index: 1, names})
  t.is(find([{address: 0x2180, goexit: true}]), undefined)
})

test('nothing is known of a panic that does not end the process, is not on the stack, or behind its frames', t => {
  t.is(find([]), undefined)
  t.is(find([{address: 0x2180}], {dying: 0}), undefined)
  t.is(find([{address: 0x2180}], {throwing: 1}), undefined)
  t.is(find([{address: 0x1080}]), undefined)
  t.is(find([{address: 0x2080}]), undefined)
  t.is(find([{address: 0x2f80}]), undefined)
})

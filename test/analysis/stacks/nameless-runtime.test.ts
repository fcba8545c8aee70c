// Which code is the runtime's, where no function table tells: what lies between places that are known to be.
import test from 'ava'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {runtimeCodeOf} from '../../../src/analysis/stacks/nameless-runtime.ts'
import type {ThreadStack} from '../../../src/analysis/stacks/thread-walk.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import {FakeProcess} from '../../unwind/process.ts'

const STACK = {lo: 0xc000000000, hi: 0xc000001000}
const BP = STACK.lo + 0x800
const WAITING = 4
const RUNNING = 2

interface Given {
  readonly id?: number
  readonly status?: number
  readonly reason?: string
  readonly queued?: boolean
}

function goroutine({id = 7, status = WAITING, reason = '', queued = true}: Given): Goroutine {
  return {
    id,
    status: {number: status},
    waitReason: reason,
    waitingOn: queued ? [{channel: 0x7000}] : [],
    startpc: 0x402000,
    gopc: 0x402800,
    sched: {pc: 0x403000, sp: BP - 0x20, bp: BP},
    stack: STACK,
  } as unknown as Goroutine
}

/** The range that is found, in steps of 0x100. */
function known(given: readonly Given[], {tables, raise}: {tables?: object; raise?: number} = {}): string | undefined {
  const process = {
    tables,
    goModule: {start: 0x400000, end: 0x500000},
    memory: new FakeProcess().words(BP, 0, 0x401000),
    runtime: {goroutines: () => given.map(goroutine)},
  } as unknown as DeadProcess
  const frames = [{pc: 0x409000}, {pc: raise}]
  const thread = {frames, interruptions: [{index: 0}, {index: 1, isRaise: raise !== undefined}]}
  const isRuntimeCode = runtimeCodeOf([process], thread as unknown as ThreadStack)
  const places: number[] = []
  for (let pc = 0x3ff000; pc <= 0x501000; pc += 0x100) if (isRuntimeCode(pc as never)) places.push(pc)
  return places.length === 0 ? undefined : `${places[0]?.toString(16)}-${places.at(-1)?.toString(16)}`
}

test('what the runtime’s own goroutines have lies in the runtime, and all that is between', t => {
  t.is(known([{reason: 'GC scavenge wait'}]), '402000-403000')
  t.is(known([{reason: 'GC scavenge wait', status: RUNNING}]), undefined, 'an old reason')
  t.is(known([{reason: 'select'}]), undefined)
  t.is(known([{id: 1, status: RUNNING}]), '402000-402000', 'runtime.main')
  t.is(known([{reason: 'GC scavenge wait'}], {tables: {}}), undefined, 'names tell it')
})

test('so do the functions of channels, where a goroutine waits in one, and that which raises the last signal', t => {
  t.is(known([{reason: 'chan receive'}]), '401000-403000')
  t.is(known([{reason: 'chan receive', queued: false}]), undefined, 'somebody else parked it')
  t.is(known([{reason: 'force gc (idle)'}], {raise: 0x406000}), '402000-406000')
  t.is(known([{reason: 'force gc (idle)'}], {raise: 0x601000}), '402000-403000', 'libc’s')
})

import test from 'ava'
import {type Address, toAddress} from '../../src/base/address.ts'
import {Scheduler} from '../../src/runtime-model/scheduler.ts'
import {ProcessBuilder} from './process-builder.ts'

interface SchedulerMemory {
  readonly process: ProcessBuilder
  readonly sched: Address
  readonly machines: readonly Address[]
  readonly head: Address
}

/** A scheduler that has so many idle Ms, and says that it has `claimed`. */
function schedulerWith(minor: number, length: number, claimed = length): SchedulerMemory {
  const process = new ProcessBuilder(minor)
  const {m, schedt} = process.access.layouts
  const link = m.has('idleNode.next') ? 'idleNode.next' : 'schedlink'
  const machines: Address[] = []
  for (let index = 0; index < length; index++) {
    const g0 = process.struct('g', {})
    const machine = process.struct('m', {g0, [link]: machines.at(-1) ?? 0})
    process.write(g0 + (process.access.layouts.g.offset('m') ?? 0), machine)
    machines.push(machine)
  }
  const sched = process.struct('schedt', {midle: machines.at(-1) ?? 0, nmidle: claimed}, 128)
  const counts = sched + (schedt.offset('nmidle') ?? 0)
  process.write(counts + 8, length + 2)
  process.write(counts + 16, 10_000, 4)
  return {process, sched, machines, head: toAddress(sched + (schedt.offset('midle') ?? 0))}
}

/** The scheduler by its symbol, or by what the data points at. */
function open({process, sched, head}: SchedulerMemory, isNamed: boolean): Scheduler {
  const machineHeads = [toAddress(sched), head]
  return new Scheduler(process.access, {address: () => (isNamed ? sched : undefined), machineHeads})
}

for (const minor of [7, 13, 14, 19, 25, 26, 27]) {
  test(`1.${minor}: the Ms on sched.midle are those that wait for work, and the list tells where the scheduler is`, t => {
    const memory = schedulerWith(minor, 3)
    for (const isNamed of [true, false]) {
      const scheduler = open(memory, isNamed)
      t.is(scheduler.address, memory.sched)
      t.deepEqual([...(scheduler.idleMachines ?? [])], memory.machines.toReversed())
    }
  })
}

test('a list that is not as long as the scheduler says proves nothing', t => {
  for (const claimed of [2, 4, -1]) {
    const memory = schedulerWith(27, 3, claimed)
    t.is(open(memory, true).idleMachines, undefined)
    t.is(open(memory, false).address, undefined)
  }
})

test('an empty list says that no M is idle, but not where a scheduler is', t => {
  const memory = schedulerWith(27, 0)
  t.deepEqual(open(memory, true).idleMachines, new Set())
  t.is(open(memory, false).address, undefined)
})

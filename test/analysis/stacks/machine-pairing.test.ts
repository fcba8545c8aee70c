import test from 'ava'
import {USER_REGS, USER_REGS_COUNT} from '../../../src/amd64/user-regs.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {pairMachines} from '../../../src/analysis/stacks/machine-pairing.ts'
import {type Address, toAddress} from '../../../src/base/address.ts'

interface FakeMachine {
  id: number
  procid: number
  g0: number
}

/** The threads that the last process was told twice of. */
let doubts: string[] = []

/** A process whose threads have their storage at 0x10000 * index, with g `distance` below the thread pointer. */
function processOf(threads: {tid: number; g: number | undefined}[], machines: FakeMachine[], distance = 8) {
  doubts = []
  const words = new Map<number, number>()
  const ends: number[] = []
  const registers = threads.map(({g}, index) => {
    const base = 0x10000 * (index + 1) + 0x800
    if (g !== undefined) {
      ends.push(base)
      words.set(base - distance, g)
    }
    const values = new BigUint64Array(USER_REGS_COUNT)
    values[USER_REGS.fs_base] = BigInt(base)
    return values
  })
  const read = (address: Address, length: number) => {
    const bytes = new Uint8Array(length)
    if (!ends.some(end => address >= end - 0x4000 && address + length <= end)) return undefined
    for (const [at, value] of words) {
      if (at >= address && at + 8 <= address + length) {
        new DataView(bytes.buffer).setBigUint64(at - address, BigInt(value), true)
      }
    }
    return bytes
  }
  return {
    core: {threads: threads.map(({tid}, index) => ({tid, name: undefined, signal: 0, registers: registers[index]}))},
    memory: {read},
    runtime: {
      machines: machines.map(machine => ({
        ...machine,
        address: toAddress(0x900000 + machine.id * 0x1000),
        gsignal: machine.g0 + 0x1000,
        curg: machine.g0 + 0x2000,
        isExtraInSig: false,
      })),
      goroutineAt: () => undefined,
      isExtraMachine: () => false,
    },
    diagnostics: {add: (_code: string, _message: string, {where}: {where: string}) => doubts.push(where)},
  } as unknown as DeadProcess
}

const pairsOf = (process: DeadProcess) =>
  Object.fromEntries([...pairMachines(process)].map(([tid, machine]) => [tid, machine?.id ?? null]))

const MACHINES = [
  {id: 0, procid: 100, g0: 0x500000},
  {id: 1, procid: 101, g0: 0x510000},
  {id: 2, procid: 102, g0: 0x520000},
]

test('a thread without g runs no M, whatever M has kept its id', t => {
  const process = processOf(
    [
      {tid: 100, g: 0x500000},
      {tid: 101, g: 0x511000},
      {tid: 102, g: 0},
    ],
    MACHINES,
  )
  t.deepEqual(pairsOf(process), {100: 0, 101: 1, 102: null})
})

test('threads that a dump from outside of the container numbers otherwise are known by their g', t => {
  const process = processOf(
    [
      {tid: 7100, g: 0x502000},
      {tid: 101, g: 0x520000},
      {tid: 7102, g: 0x510000},
    ],
    MACHINES,
  )
  t.deepEqual(pairsOf(process), {7100: 0, 101: 2, 7102: 1})
})

test('g is where most threads have one, however far from the thread pointer', t => {
  for (const distance of [8, 16, 0x48, 0x1230]) {
    const process = processOf(
      [
        {tid: 100, g: 0x500000},
        {tid: 101, g: 0x510000},
        {tid: 102, g: 0},
      ],
      MACHINES,
      distance,
    )
    t.deepEqual(pairsOf(process), {100: 0, 101: 1, 102: null}, `${distance}`)
  }
})

test('a g that another thread has by its ID, left over below the thread pointer, does not tell where g is', t => {
  const cut = [
    {tid: 100, g: undefined},
    {tid: 107, g: 0x502000},
    {tid: 108, g: undefined},
  ]
  t.deepEqual(pairsOf(processOf(cut, MACHINES, 2224)), {100: 0})
  t.deepEqual(pairsOf(processOf(cut, [{id: 0, procid: 0, g0: 0x500000}])), {107: 0})
})

test('a thread whose storage is not in the core is known by its id, unless another thread runs that M', t => {
  const process = processOf(
    [
      {tid: 100, g: 0x500000},
      {tid: 101, g: undefined},
      {tid: 102, g: 0x510000},
    ],
    MACHINES,
  )
  t.deepEqual(pairsOf(process), {100: 0, 102: 1})
  const none = processOf(
    [
      {tid: 100, g: undefined},
      {tid: 101, g: undefined},
    ],
    MACHINES,
  )
  t.deepEqual(pairsOf(none), {100: 0, 101: 1})
})

test('a newborn thread that still has the storage of its parent does not run its M', t => {
  const parent = {tid: 100, g: 0x500000}
  const newborn = {tid: 103, g: 0x500000}
  const other = {tid: 101, g: 0x510000}
  t.deepEqual(pairsOf(processOf([parent, other, newborn], MACHINES)), {100: 0, 101: 1})
  t.deepEqual(pairsOf(processOf([newborn, other, parent], MACHINES)), {100: 0, 101: 1})
})

/** The same process, with the stacks of each M's g0 and where each thread's sp is. */
function withStacks(
  process: DeadProcess,
  stacks: Readonly<Record<number, number>>,
  sps: readonly number[],
): DeadProcess {
  for (const [index, {registers}] of process.core.threads.entries()) {
    registers[USER_REGS.rsp] = BigInt(sps[index] ?? 0)
  }
  const {runtime} = process as unknown as {runtime: {goroutineAt: unknown}}
  runtime.goroutineAt = (g: number) => {
    const lo = stacks[g]
    return lo === undefined ? undefined : {stack: {lo, hi: lo + 0x1000}, isDead: false}
  }
  return process
}

const STACKS = {5242880: 0x700000, 5308416: 0x710000}

test('the stack that a thread is on wins over what its storage tells, where the M of its ID owns it', t => {
  const told = [
    {tid: 100, g: 0x510000},
    {tid: 101, g: 0},
    {tid: 102, g: 0x520000},
  ]
  const onOwn = withStacks(processOf(told, MACHINES), STACKS, [0x700800, 0x710800])
  t.deepEqual(pairsOf(onOwn), {100: 0, 101: 1, 102: 2})
  t.deepEqual(doubts, ['thread 100', 'thread 101'])
  const elsewhere = withStacks(processOf(told, MACHINES), STACKS, [0x710800, 0x720800])
  t.deepEqual(pairsOf(elsewhere), {100: 1, 101: null, 102: 2})
})

test('a thread whose storage tells nothing is known by the stack that it is on', t => {
  const told = [
    {tid: 7100, g: 0x999000},
    {tid: 7101, g: 0x510000},
  ]
  t.deepEqual(pairsOf(withStacks(processOf(told, MACHINES), STACKS, [0x700800, 0x710800])), {7100: 0, 7101: 1})
})

test('a goroutine on an M whose thread the core does not have is told of', t => {
  const gone = (given: {procid?: number; isDead?: boolean; isExtra?: boolean; m?: number}) => {
    const {procid = 12, isDead = false, isExtra = false, m = 0x902000} = given
    const process = processOf(
      [{tid: 11, g: 0x1000}],
      [
        {id: 1, procid: 11, g0: 0x1000},
        {id: 2, procid, g0: 0x11000},
      ],
    )
    const goroutineAt = (at: number) => (at === 0x13000 ? {id: 7, isDead, m} : undefined)
    Object.assign(process.runtime as object, {goroutineAt, isExtraMachine: () => isExtra})
    pairMachines(process)
    return doubts
  }
  t.deepEqual(gone({}), ['goroutine 7'])
  t.deepEqual(gone({procid: 0}), [], 'not started yet')
  t.deepEqual(gone({isDead: true}), [])
  t.deepEqual(gone({isExtra: true}), [], 'of a thread of C, which may have ended')
  t.deepEqual(gone({m: 0x903000}), [], 'it has gone on elsewhere')
})

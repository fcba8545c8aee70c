import {ADDRESS_LIMIT, type Address, NULL_ADDRESS, offsetAddress, toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'

import {Machine} from './machine.ts'
import {type Processor, readProcessor} from './processor.ts'
import {type RemoteSlice, readSlice} from './remote-struct.ts'
import type {RuntimeAccess} from './runtime-access.ts'

/** Goroutines that a process of today's largest machines could hold; a longer allgs is damaged. */
const MAX_GOROUTINES = 2 ** 27
/** Pointers of allgs that are read at a time. */
const CHUNK = 512
/** Chunks in a row that may be missing before the rest is taken for missing too. */
const MAX_MISSING_CHUNKS = 256
/** sched.maxmcount is 10,000 unless a program raises it. */
const MAX_MACHINES = 200_000
const MAX_PROCESSORS = 4096

export function readGoroutineSlice(memory: MemoryReader, allgs: Address): RemoteSlice | undefined {
  return readSlice(memory, allgs, MAX_GOROUTINES)
}

/**
 * The g pointers of allgs in order, many at a time, without the nil ones; `onMissing` is told of pieces that the core
 * does not have.
 */
export function* readGoroutineAddresses(
  memory: MemoryReader,
  slice: RemoteSlice,
  onMissing: (first: number, count: number) => void,
): Generator<readonly Address[]> {
  let missing = 0
  for (let first = 0; first < slice.length; first += CHUNK) {
    const count = Math.min(CHUNK, slice.length - first)
    const at = offsetAddress(slice.array, first * 8)
    const bytes = at === undefined ? undefined : memory.read(at, count * 8)
    if (!bytes) {
      missing++
      const isLast = missing > MAX_MISSING_CHUNKS
      onMissing(first, isLast ? slice.length - first : count)
      if (isLast) return
      continue
    }
    missing = 0
    yield addressesIn(bytes)
  }
}

function addressesIn(words: Uint8Array): Address[] {
  const cursor = new Cursor(words, 'runtime.allgs')
  const addresses: Address[] = []
  while (!cursor.atEnd) {
    const g = cursor.number64()
    if (g !== 0 && g < ADDRESS_LIMIT) addresses.push(toAddress(g))
  }
  return addresses
}

export interface MachineList {
  readonly machines: Machine[]
  /** It ends as such a list ends. */
  readonly isWhole: boolean
}

/** A list of Ms from `head` on, linked by alllink (allm) or freelink (sched.freem); stops at a cycle. */
export function readMachines(access: RuntimeAccess, head: Address, link: 'alllink' | 'freelink'): MachineList {
  const machines: Machine[] = []
  const seen = new Set<Address>()
  let at = head
  while (at !== NULL_ADDRESS) {
    if (seen.has(at) || machines.length >= MAX_MACHINES) {
      access.diagnostics.add('machine-list-cycle', `the list of Ms does not end after ${machines.length}`)
      return {machines, isWhole: false}
    }
    seen.add(at)
    const machine = Machine.read(access, at)
    if (!machine) {
      access.diagnostics.add('machine-unreadable', `M at 0x${at.toString(16)} is not in the core; later ones are lost`)
      return {machines, isWhole: false}
    }
    machines.push(machine)
    at = machine[link]
  }
  return {machines, isWhole: true}
}

/** allp: a slice since 1.10, before that an array that ends with a nil. */
export function readProcessors(access: RuntimeAccess, allp: Address): Processor[] {
  const slice = access.release.atLeast(10)
    ? readSlice(access.memory, allp, MAX_PROCESSORS)
    : {array: allp, length: MAX_PROCESSORS}
  const processors: Processor[] = []
  for (let index = 0; index < (slice?.length ?? 0); index++) {
    const p = slice && readAddress(access.memory, toAddress(slice.array + index * 8))
    const processor = p === undefined || p === NULL_ADDRESS ? undefined : readProcessor(access, p)
    if (processor && processor.id === index) processors.push(processor)
    else if (!access.release.atLeast(10)) break
  }
  return processors
}

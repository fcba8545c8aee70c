import {type Address, NULL_ADDRESS, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress, readU32} from '../base/memory-reader.ts'
import {type GoroutineShape, isMachine, isPlausiblePointer, shapeOfGoroutine} from './object-shape.ts'
import type {RemoteSlice} from './remote-struct.ts'

/** The lists of the runtime as they look from outside, before anything tells the release. */

const ELEMENT_SAMPLE = 64
const PROCESSOR_LIMIT = 4096
/**
 * p.id, with p.status behind it (up to 1.12 after a mutex), and p.m, with p.mcache behind it: 1.7 and 1.8, 1.9 to 1.12,
 * 1.13 to 1.22, and later (src/runtime/runtime2.go).
 */
const P_HEADS = [
  {id: 8, m: 32},
  {id: 8, m: 64},
  {id: 0, m: 56},
  {id: 0, m: 48},
] as const
/** _Pdead, the last of the five of p.status. */
const P_DEAD = 4

type ProcessorHead = (typeof P_HEADS)[number]

/** How many elements of a sample of the slice look like what; `missing`: the core does not hold them. */
export function shapesOf(memory: MemoryReader, {array, length}: RemoteSlice): Record<GoroutineShape, number> {
  const counts = {live: 0, dead: 0, none: 0, missing: 0}
  for (let index = 0; index < Math.min(length, ELEMENT_SAMPLE); index++) {
    const g = readAddress(memory, toAddress(array + index * 8))
    counts[g === undefined ? 'missing' : shapeOfGoroutine(memory, g)]++
  }
  return counts
}

/** Length of the slice where all elements that the core holds are goroutines and some live; else 0. */
export function countGoroutines(memory: MemoryReader, slice: RemoteSlice): number {
  const {live, none} = shapesOf(memory, slice)
  return none > 0 || live === 0 ? 0 : slice.length
}

/** Whether the n-th element of a slice is the n-th processor, all by the head of one release. */
export function areProcessors(memory: MemoryReader, slice: RemoteSlice): boolean {
  return headOfProcessors(memory, slice) !== undefined
}

/** Length of a slice of processors, else 0; a few of them prove themselves by an M that points back. */
export function countProcessors(memory: MemoryReader, slice: RemoteSlice): number {
  const head = headOfProcessors(memory, slice)
  if (!head) return 0
  if (slice.length > 2) return slice.length
  const isOwned = (p: Address) => isMachine(memory, readAddress(memory, toAddress(p + head.m)) ?? NULL_ADDRESS)
  return elementsOf(memory, slice).some(p => p !== undefined && isOwned(p)) ? slice.length : 0
}

function headOfProcessors(memory: MemoryReader, slice: RemoteSlice): ProcessorHead | undefined {
  if (slice.length > PROCESSOR_LIMIT) return undefined
  const first = readAddress(memory, slice.array)
  return P_HEADS.find(
    head =>
      isProcessor(memory, first, 0, head) &&
      elementsOf(memory, slice).every((p, index) => isProcessor(memory, p, index, head)),
  )
}

function elementsOf(memory: MemoryReader, {array, length}: RemoteSlice): (Address | undefined)[] {
  return Array.from({length}, (_, index) => readAddress(memory, toAddress(array + index * 8)))
}

/**
 * p.id is the index in allp, p.status one of five, p.m is nil or an M, and what lives has its mcache
 * (procresize, src/runtime/proc.go). The timers of a heap are numbered in the same way (timer.i, src/runtime/time.go,
 * up to 1.13), but the rest of them is no P's.
 */
function isProcessor(memory: MemoryReader, p: Address | undefined, index: number, head: ProcessorHead): boolean {
  if (p === undefined || !isPlausiblePointer(p)) return false
  if (readU32(memory, toAddress(p + head.id)) !== index) return false
  const status = readU32(memory, toAddress(p + head.id + 4))
  if (status === undefined || status > P_DEAD) return false
  const m = readAddress(memory, toAddress(p + head.m))
  if (m === undefined || (m !== NULL_ADDRESS && !mayBeMachine(memory, m))) return false
  return status === P_DEAD || isPlausiblePointer(readAddress(memory, toAddress(p + head.m + 8)) ?? NULL_ADDRESS)
}

/** Memory that the core lost refutes nothing. */
function mayBeMachine(memory: MemoryReader, m: Address): boolean {
  return isMachine(memory, m) || (isPlausiblePointer(m) && !memory.read(m, 8))
}

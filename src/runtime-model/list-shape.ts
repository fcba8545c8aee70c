import {toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress, readU32} from '../base/memory-reader.ts'
import {type GoroutineShape, isMachine, isPlausiblePointer, shapeOfGoroutine} from './object-shape.ts'
import type {RemoteSlice} from './remote-struct.ts'

/** The lists of the runtime as they look from outside, before anything tells the release. */

const ELEMENT_SAMPLE = 64
const PROCESSOR_LIMIT = 4096
/** p.id, then p.status: up to 1.12 behind a mutex (src/runtime/runtime2.go). */
const P_ID_OFFSETS = [0, 8]
/** p.m in 1.7 and 1.8, in 1.9 to 1.12, in 1.13 to 1.22, and later. */
const P_M_OFFSETS = [32, 64, 56, 48]

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

/** Whether the n-th element of a slice is the n-th processor: p.id is the index in allp, p.status one of five. */
export function areProcessors(memory: MemoryReader, {array, length}: RemoteSlice): boolean {
  if (length > PROCESSOR_LIMIT) return false
  for (let index = 0; index < length; index++) {
    const p = readAddress(memory, toAddress(array + index * 8))
    if (p === undefined || !isPlausiblePointer(p)) return false
    const isNumbered = P_ID_OFFSETS.some(
      offset =>
        readU32(memory, toAddress(p + offset)) === index && (readU32(memory, toAddress(p + offset + 4)) ?? 5) <= 4,
    )
    if (!isNumbered) return false
  }
  return true
}

/** Length of a slice of processors, else 0; a few of them prove themselves by an M that points back. */
export function countProcessors(memory: MemoryReader, slice: RemoteSlice): number {
  const {array, length} = slice
  if (!areProcessors(memory, slice)) return 0
  for (let index = 0; index < length && length <= 2; index++) {
    const p = readAddress(memory, toAddress(array + index * 8))
    const isOwned = P_M_OFFSETS.some(offset => {
      const m = p === undefined ? undefined : readAddress(memory, toAddress(p + offset))
      return m !== undefined && isMachine(memory, m)
    })
    if (isOwned) return length
  }
  return length > 2 ? length : 0
}

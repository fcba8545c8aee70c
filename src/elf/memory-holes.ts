import {USER_REGS} from '../amd64/user-regs.ts'
import {type Address, addressOfWord, hex, NULL_ADDRESS, toAddress} from '../base/address.ts'
import type {CoreSegments} from './core-segments.ts'
import type {CoreThread} from './notes.ts'

/** Memory that the core holds as zeros, and that cannot have been zeros: its writer could not read it. */
export interface MemoryHole {
  readonly start: Address
  readonly end: Address
  /** The thread whose stack or storage lies there. */
  readonly tid: number
}

const PAGE = 4096
const WORD = 8
const ZEROS = new Uint8Array(PAGE)

/**
 * gdb's gcore reads a mapping in pieces of 1 MiB; where one cannot be read it gives up, and zeros stand for the rest of
 * the mapping (gdb/gcore.c, gcore_copy_callback). Since glibc 2.42 the guard pages of a thread lie inside the mapping
 * of its stack (nptl/allocatestack.c, MADV_GUARD_INSTALL), which then is such a hole, thread-local storage and all.
 *
 * Zeros alone prove nothing: untouched memory is zeros. But above a thread's sp there is its caller, and at its FS base
 * there is storage that points to itself, or holds a g: zeros from one of them to the end of the mapping cannot be
 * true, nor zeros from the one through the other.
 */
export function findHoles(segments: CoreSegments, threads: readonly CoreThread[]): MemoryHole[] {
  const holes: MemoryHole[] = []
  for (const {tid, registers} of threads) {
    const sp = addressOfWord(registers[USER_REGS.rsp] ?? 0n) ?? NULL_ADDRESS
    const storage = addressOfWord(registers[USER_REGS.fs_base] ?? 0n) ?? NULL_ADDRESS
    // The g of Go's own threads lies right below their FS base.
    for (const place of [sp, toAddress(Math.max(storage - WORD, 0))]) {
      if (holes.some(({start, end}) => place >= start && place < end)) continue
      const hole = zerosAround(segments, place, storage)
      if (hole) holes.push({...hole, tid})
    }
  }
  return holes.sort((a, b) => a.start - b.start)
}

/** The zeros around a place, if they reach so far that they cannot be true. */
function zerosAround(
  segments: CoreSegments,
  place: Address,
  storage: Address,
): Pick<MemoryHole, 'start' | 'end'> | undefined {
  const {state, start, end, writable} = segments.extentAt(place)
  if (state !== 'dumped' || !writable) return undefined
  let last: number = place
  for (let next = pageEnd(place); last < end; next = pageEnd(next)) {
    if (!isZero(segments, last, Math.min(end, next))) break
    last = Math.min(end, next)
  }
  const isThrough = place + WORD < storage && last > storage
  if (last < end && !isThrough) return undefined
  let first: number = place
  for (let next = pageEnd(place) - PAGE; first > start; next -= PAGE) {
    if (!isZero(segments, Math.max(start, next), first)) break
    first = Math.max(start, next)
  }
  return {start: toAddress(first), end: toAddress(last)}
}

/** The end of the page that an address is in. */
function pageEnd(address: number): number {
  return Math.floor(address / PAGE) * PAGE + PAGE
}

function isZero(segments: CoreSegments, start: number, end: number): boolean {
  const bytes = segments.read(toAddress(start), end - start)
  return bytes !== undefined && Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) === 0
}

/** Holes that a sentence names. */
const NAMED = 5

export function describeHoles(holes: readonly MemoryHole[]): string {
  const names = holes.slice(0, NAMED).map(({start, end, tid}) => `${hex(start)}-${hex(end)} (thread ${tid})`)
  const more = holes.length > NAMED ? ` and ${holes.length - NAMED} more` : ''
  return `stacks of threads are nothing but zeros, which cannot be true, and are taken as missing: ${names.join(', ')}${more}`
}

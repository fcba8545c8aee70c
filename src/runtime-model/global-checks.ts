import {type Address, NULL_ADDRESS, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress, readU8, readU32, readWord} from '../base/memory-reader.ts'
import {areProcessors, countProcessors, shapesOf} from './list-shape.ts'
import {isMachine} from './object-shape.ts'
import {readSlice} from './remote-struct.ts'
import type {GlobalName} from './runtime-globals.ts'

/** What the memory of the process says of a place that code names: `unknown` where it holds nothing to judge by. */
export type Verdict = 'fits' | 'refuted' | 'unknown'

const GOROUTINE_LIMIT = 2 ** 27
/** As many Ms can die at once as there are (sched.maxmcount is 10,000 unless a program raises it). */
const MACHINE_LIMIT = 200_000
/** traceback_cache is level << 2 | all << 1 | crash, and the level a small number (src/runtime/runtime1.go). */
const TRACEBACK_LIMIT = 2 ** 10
/** A goroutine id past this would take centuries to count to. */
const GOID_LIMIT = 2n ** 48n

type Check = (memory: MemoryReader, at: Address) => Verdict

/** Variables whose content tells whether they are what they are taken for. */
const CHECKS: Partial<Record<GlobalName, Check>> = {
  'runtime.allgs': checkGoroutines,
  'runtime.allm': checkMachines,
  'runtime.allp': checkProcessors,
  'runtime.sched': (memory, at) => verdictOf(readWord(memory, at), goidgen => goidgen < GOID_LIMIT),
  'runtime.panicking': (memory, at) => verdictOf(readU32(memory, at), count => count <= MACHINE_LIMIT),
  'runtime.traceback_cache': (memory, at) => verdictOf(readU32(memory, at), cache => cache < TRACEBACK_LIMIT),
  'runtime.didothers': checkFlag,
  'runtime.iscgo': checkFlag,
  'runtime.fingRunning': checkFlag,
}

/**
 * Of the places that code names for a variable the first that holds what it should; then the first that nothing
 * refutes.
 */
export function chooseCandidate(
  memory: MemoryReader,
  name: GlobalName,
  candidates: readonly Address[],
): Address | undefined {
  const check = CHECKS[name]
  if (!check) return candidates[0]
  let open: Address | undefined
  for (const candidate of candidates) {
    const verdict = check(memory, candidate)
    if (verdict === 'fits') return candidate
    if (verdict === 'unknown') open ??= candidate
  }
  return open
}

function verdictOf<T>(value: T | undefined, holds: (value: T) => boolean): Verdict {
  return value === undefined ? 'unknown' : holds(value) ? 'fits' : 'refuted'
}

function checkFlag(memory: MemoryReader, at: Address): Verdict {
  return verdictOf(readU8(memory, at), flag => flag <= 1)
}

/** Most elements are goroutines: one may be damaged, or caught while it was being made. */
function checkGoroutines(memory: MemoryReader, at: Address): Verdict {
  if (!memory.read(at, 24)) return 'unknown'
  const slice = readSlice(memory, at, GOROUTINE_LIMIT)
  if (!slice) return 'refuted'
  const {live, dead, none} = shapesOf(memory, slice)
  if (none > live + dead) return 'refuted'
  return live > 0 ? 'fits' : 'unknown'
}

/** allm is never nil once the runtime has begun. */
function checkMachines(memory: MemoryReader, at: Address): Verdict {
  const head = readWord(memory, at)
  if (head === undefined || head === 0n) return 'unknown'
  const m = readAddress(memory, at)
  if (m === undefined || m === NULL_ADDRESS) return 'refuted'
  if (isMachine(memory, m)) return 'fits'
  // Memory that the core lost refutes nothing, but an address that nothing can be at does.
  return m < 4096 || m % 8 !== 0 || memory.read(m, 8) ? 'refuted' : 'unknown'
}

/** A slice from 1.10 on, before an array that ends with nil. */
function checkProcessors(memory: MemoryReader, at: Address): Verdict {
  if (!memory.read(at, 24)) return 'unknown'
  const slice = readSlice(memory, at, GOROUTINE_LIMIT)
  // No P of a slice that code names need be owned: all may be idle or stopped.
  if (slice && slice.length > 0 && areProcessors(memory, slice)) return 'fits'
  const first = readAddress(memory, at)
  if (first === undefined || first === NULL_ADDRESS) return slice ? 'unknown' : 'refuted'
  let length = 1
  while (length < 4 && (readAddress(memory, toAddress(at + length * 8)) ?? NULL_ADDRESS) !== NULL_ADDRESS) length++
  return countProcessors(memory, {array: at, length}) > 0 ? 'fits' : 'refuted'
}

import {type Address, number64At, toAddress} from '../base/address.ts'
import type {Deadline} from '../base/deadline.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {readablePieces} from '../gosym/memory-scan.ts'
import type {DataRange} from './root-search.ts'

/** Memory that is looked through: far more than a core that was cut short holds of a heap with its goroutines. */
const SEARCH_LIMIT = 512 * 1024 * 1024
const FOUND_LIMIT = 1_000_000
/** The smallest stack (runtime.stackMin); all are powers of two from there (src/runtime/stack.go, since 1.4). */
const STACK_MIN = 2048
const STACK_MAX = 2 ** 30
/** Upper half of stackPreempt, stackFork and their like in stackguard0. */
const SPECIAL_GUARD_HIGH = 0xffffffff

/**
 * Where a g may be, by its first words alone: a stack of a size that the runtime makes, and a guard near its low end.
 * For cores that lost allgs; who reads these decides by id and status.
 */
export function* searchGoroutines(
  memory: MemoryReader,
  ranges: Iterable<DataRange>,
  deadline?: Deadline,
): Generator<Address> {
  let left = SEARCH_LIMIT
  let found = 0
  for (const range of ranges) {
    const end = toAddress(Math.min(range.end, range.start + left))
    for (const {bytes, start} of readablePieces(memory, {start: range.start, end}, 8)) {
      if (deadline?.isOver('the search for goroutines')) return
      for (const at of plausibleGoroutines(bytes, start)) {
        if (++found > FOUND_LIMIT) return
        yield at
      }
    }
    left -= Math.max(0, end - range.start)
    if (left <= 0) return
  }
}

function plausibleGoroutines(bytes: Uint8Array, start: number): Address[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const word = (offset: number) => number64At(view, offset)
  const found: Address[] = []
  for (let offset = 0; offset + 24 <= bytes.length; offset += 8) {
    // Most words end here: stacks begin at a multiple of their smallest size.
    const low = view.getUint32(offset, true)
    if (low % STACK_MIN !== 0 || (low === 0 && view.getUint32(offset + 4, true) === 0)) continue
    const lo = word(offset)
    const size = word(offset + 8) - lo
    if (size < STACK_MIN || size > STACK_MAX || !Number.isInteger(Math.log2(size))) continue
    const guardHigh = view.getUint32(offset + 20, true)
    const guard = word(offset + 16)
    if (guardHigh === SPECIAL_GUARD_HIGH || (guard > lo && guard < lo + size)) found.push(toAddress(start + offset))
  }
  return found
}

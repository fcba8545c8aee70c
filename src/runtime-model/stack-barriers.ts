import {type Address, addressOfWord, type Word} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import type {RemoteStruct} from './remote-struct.ts'

/** They stand at 1 KiB from the innermost frame, 2 KiB and so on (src/runtime/mstkbar.go): more are no stack's. */
const BARRIERS_MAX = 48
/** stkbar {savedLRPtr, savedLRVal}. */
const BARRIER_SIZE = 16

/**
 * The return addresses of a goroutine over which the collector of 1.7 has put stackBarrier's, by the place where they
 * were; the barriers stay until the next collection (src/runtime/mstkbar.go; 1.8 has them by a setting alone). None
 * where anything of the list cannot be true.
 */
export function readStackBarriers(
  memory: MemoryReader,
  g: RemoteStruct<'g'>,
  stack: {readonly lo: Address; readonly hi: Address},
): ReadonlyMap<Address, Word> {
  const found = new Map<Address, Word>()
  const count = g.number('stkbar.len')
  if (count === 0 || count > BARRIERS_MAX) return found
  const bytes = memory.read(g.pointer('stkbar.array'), count * BARRIER_SIZE)
  if (!bytes) return found
  const cursor = new Cursor(bytes, 'g.stkbar')
  const barriers = Array.from({length: count}, () => ({at: addressOfWord(cursor.word()), saved: cursor.word()}))
  let barrier: Address | undefined
  for (const {at, saved} of barriers.slice(g.number('stkbarPos'))) {
    if (at === undefined || at % 8 !== 0 || at < stack.lo || at >= stack.hi) return new Map()
    const installed = readAddress(memory, at)
    // In memory that has the true words already there is nothing to do.
    if (installed === addressOfWord(saved)) continue
    if (installed === undefined || (barrier ?? installed) !== installed) return new Map()
    barrier = installed
    found.set(at, saved)
  }
  return found
}

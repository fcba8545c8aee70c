import {type RegisterSet, RegisterSetBuilder} from '../amd64/register-set.ts'
import {DWARF_REGISTER} from '../amd64/registers.ts'
import {type Address, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'

/** Words that are looked at: a local buffer above this ends the walk rather than adding a stale frame. */
const SCAN_WORDS = 512
/** With rbp 0 this may be the root of the stack, above which lies nothing that was called. */
const ROOT_SCAN_WORDS = 32

/**
 * The nearest word above sp that is a return address: in executable memory, right behind a call instruction. The last
 * resort; its frame is marked `scan`, for the word may be a leftover of an earlier call.
 */
export function scanForCaller(
  registers: RegisterSet,
  memory: MemoryReader,
  isCaller: (returnAddress: Address, cfa: Address) => boolean,
): {cfa: Address; caller: RegisterSet} | undefined {
  const {sp, bp} = registers
  if (sp === undefined) return undefined
  const start = Math.ceil(sp / 8) * 8
  const limit = bp === 0 ? ROOT_SCAN_WORDS : SCAN_WORDS
  for (let index = 0; index < limit; index++) {
    const slot = toAddress(start + index * 8)
    const word = readAddress(memory, slot)
    if (word === undefined && memory.read(slot, 8) === undefined) return undefined
    const cfa = toAddress(slot + 8)
    if (word === undefined || !isCaller(word, cfa)) continue
    const caller = new RegisterSetBuilder()
    caller.setAddress(DWARF_REGISTER.rip, word).setAddress(DWARF_REGISTER.rsp, cfa)
    if (bp !== undefined && bp >= cfa) caller.setAddress(DWARF_REGISTER.rbp, bp)
    return {cfa, caller: caller.build()}
  }
  return undefined
}

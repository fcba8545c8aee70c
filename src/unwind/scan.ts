import {type Address, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import {DWARF_REGISTER} from '../dwarf/unwind-row.ts'
import type {CodeMap} from './code-map.ts'
import {type RegisterSet, RegisterSetBuilder} from './register-set.ts'

/** Words that are looked at: a local buffer above this ends the walk rather than adding a stale frame. */
const SCAN_WORDS = 512

/**
 * The nearest word above sp that is a return address: in executable memory, right behind a call instruction. The last resort;
 * its frame is marked `scan`, for the word may be a leftover of an earlier call.
 */
export function scanForCaller(
  registers: RegisterSet,
  memory: MemoryReader,
  code: CodeMap,
): {cfa: Address; caller: RegisterSet} | undefined {
  const {sp, bp} = registers
  if (sp === undefined) return undefined
  const start = Math.ceil(sp / 8) * 8
  for (let index = 0; index < SCAN_WORDS; index++) {
    const slot = toAddress(start + index * 8)
    const word = readAddress(memory, slot)
    if (word === undefined && memory.read(slot, 8) === undefined) return undefined
    if (word === undefined || code.isReturnAddress(word) !== true) continue
    const caller = new RegisterSetBuilder()
    const cfa = toAddress(slot + 8)
    caller.setAddress(DWARF_REGISTER.rip, word).setAddress(DWARF_REGISTER.rsp, cfa)
    if (bp !== undefined && bp >= cfa) caller.setAddress(DWARF_REGISTER.rbp, bp)
    return {cfa, caller: caller.build()}
  }
  return undefined
}

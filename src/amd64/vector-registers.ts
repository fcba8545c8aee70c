import {type Address, toAddress} from '../base/address.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import {UCONTEXT} from './signal-context.ts'

/** The area that FXSAVE writes, and with which the kernel's larger ones begin (Intel SDM 1, 10.5.1). */
const FXSAVE_SIZE = 512
const XMM_OFFSET = 160
const XMM_SIZE = 16
const XMM_COUNT = 16

/** DWARF number of xmm0; the others follow (System V ABI, AMD64 supplement, figure 3.36). */
const DWARF_XMM0 = 17

/** Which of the xmm registers a DWARF number means; undefined: none. */
export function vectorOfDwarf(register: number): number | undefined {
  const number = register - DWARF_XMM0
  return number >= 0 && number < XMM_COUNT ? number : undefined
}

/** The 16 bytes of one xmm register in a saved area. */
export function vectorIn(area: Uint8Array, number: number): Uint8Array | undefined {
  const start = XMM_OFFSET + number * XMM_SIZE
  return number >= 0 && number < XMM_COUNT && area.length >= start + XMM_SIZE
    ? area.slice(start, start + XMM_SIZE)
    : undefined
}

/** What the kernel saved of them when a signal came. */
export function readSavedVectors(memory: MemoryReader, ucontext: Address): Uint8Array | undefined {
  const area = readAddress(memory, toAddress(ucontext + UCONTEXT.fpstate))
  return area === undefined || area === 0 ? undefined : memory.read(area, FXSAVE_SIZE)?.slice()
}

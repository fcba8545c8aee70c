import {type Address, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {readAddress} from '../../base/memory-reader.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import type {DeadProcess} from '../process/dead-process.ts'

/** Words above a position that are looked at for the frame record of its function; larger Go frames are rare. */
export const RECORD_SEARCH = 512
/**
 * Where above cgocall's stack pointer its record is, in words: its frame has 0x40 bytes up to 1.9, then 0x30 or 0x38
 * (up to 1.20).
 */
export const CGOCALL_RECORDS = [4, 5, 6] as const

/**
 * The first pair of words above sp that is a frame record: a frame pointer further up the stack, and a return address.
 * Of several that lead to the same one the outermost: the others are what older calls from there left.
 */
export function findFrameRecord(process: DeadProcess, goroutine: Goroutine, sp: Address): Address | undefined {
  let found: Address | undefined
  let end: Address = goroutine.stack.hi
  for (let index = 0; index < RECORD_SEARCH; index++) {
    const slot = toAddress(sp + index * 8)
    if (slot + 16 > end) break
    const leadsTo = readRecord(process, goroutine, slot, index > 0)
    if (leadsTo === undefined || (found !== undefined && leadsTo !== end)) continue
    found = slot
    if (leadsTo === NULL_ADDRESS) break
    end = leadsTo
  }
  return found
}

/** The frame pointer of a record, where there is one; 0, that of the outermost, only where `mayBeLast`. */
function readRecord(
  {memory, isExecutable}: DeadProcess,
  {stack}: Goroutine,
  slot: Address,
  mayBeLast: boolean,
): Address | undefined {
  const saved = readAddress(memory, slot)
  const returnPc = readAddress(memory, toAddress(slot + 8))
  if (saved === undefined || returnPc === undefined || !isExecutable(returnPc)) return undefined
  const leadsOn = saved > slot && isOnStack(stack, saved) && saved % 8 === 0
  return leadsOn || (saved === NULL_ADDRESS && mayBeLast) ? saved : undefined
}

/**
 * The frame record of cgocall(fn, arg): above its return address stand the function of C and the address of what that
 * is given, which lies on the goroutine's stack (src/cmd/cgo/out.go; from 1.17 where cgocall spills its registers). The
 * same two it gives to asmcgocall, which takes them from the stack, at `cfa`.
 */
export function findRecordOfCgocall(process: DeadProcess, goroutine: Goroutine, cfa: Address): Address | undefined {
  const {memory, isExecutable} = process
  for (const index of CGOCALL_RECORDS) {
    const slot = toAddress(cfa + index * 8)
    if (readRecord(process, goroutine, slot, false) === undefined) continue
    const fn = readAddress(memory, toAddress(slot + 16))
    const argument = readAddress(memory, toAddress(slot + 24))
    if (fn === undefined || argument === undefined || !isExecutable(fn)) continue
    const isGiven = readAddress(memory, cfa) === fn && readAddress(memory, toAddress(cfa + 8)) === argument
    if (isGiven && argument > slot && isOnStack(goroutine.stack, argument)) return slot
  }
  return undefined
}

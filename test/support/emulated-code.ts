import {type Address, toAddress} from '../../src/base/address.ts'
import {CallEnd} from '../../src/emulate/call-end.ts'
import {EmulatedMemory} from '../../src/emulate/emulated-memory.ts'
import {type EmulatedWorld, type EmulationLimits, Emulator} from '../../src/emulate/emulator.ts'

export const CODE = toAddress(0x20000000)
/** A page that may be written to, and one that may not. */
export const DATA = toAddress(0x21000000)
export const CONSTANTS = toAddress(0x22000000)
const FREE = toAddress(0x30000000)
const PAGE = 4096
const LIMITS: EmulationLimits = {instructions: 100_000, memory: 1024 * 1024, depth: 50, stack: 65536, time: 10_000}

const NOTHING: EmulatedWorld = {
  functionAt: () => undefined,
  jumpThrough: () => undefined,
  systemCall: emulator => emulator.answer(-38),
}

/** A process of three pages, with code at the beginning of the first. */
export function emulate(
  code: readonly number[],
  options: {
    world?: Partial<EmulatedWorld>
    limits?: Partial<EmulationLimits>
    data?: Uint8Array
    isOpen?: boolean
  } = {},
): Emulator {
  const pages = new Map<number, Uint8Array>([CODE, DATA, CONSTANTS].map(start => [start, new Uint8Array(PAGE)]))
  pages.get(CODE)?.set(code)
  if (options.data) pages.get(DATA)?.set(options.data)
  const read = (address: Address, length: number) => {
    const offset = address % PAGE
    const page = pages.get(address - offset)
    return page && offset + length <= PAGE ? page.subarray(offset, offset + length) : undefined
  }
  const rightsAt = (address: Address) => ({
    writable: options.isOpen === true || (address >= DATA && address < CONSTANTS),
    executable: address < DATA,
  })
  const limits = {...LIMITS, ...options.limits}
  const memory = new EmulatedMemory({memory: {read}, rightsAt}, FREE, limits.memory)
  return new Emulator(memory, {...NOTHING, ...options.world}, limits)
}

/** How a call of the code ended, or what it returned. */
export function outcomeOf(emulator: Emulator, ...words: readonly bigint[]): string | bigint {
  try {
    return emulator.call(CODE, ...words)
  } catch (error) {
    if (error instanceof CallEnd) return error.reason
    throw error
  }
}

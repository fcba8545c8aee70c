import {ADDRESS_LIMIT, type Address, TWO_32, toAddress, type Word} from './address.ts'
import {decodeText} from './foreign-name.ts'

/** Memory of the dead process. Unmapped or missing memory is an answer, not an exception. */
export interface MemoryReader {
  /**
   * Exactly `length` bytes, or undefined where any of them is not available. A view: read it before the next call, copy
   * to keep.
   */
  read(address: Address, length: number): Uint8Array | undefined
  /**
   * A shortcut past `read` for the words of stacks: the 8 bytes at an address as a double, exact below 2^53 and
   * rounded, so at least 2^53, above; undefined where missing. Readers that many small reads go through have it.
   */
  number64?(address: Address): number | undefined
  /**
   * The first address at or above this one that may be readable; undefined: there is none. What walks a range that a
   * header claims goes by it: 2^47 bytes are claimed in a word. Readers of a whole address space have it.
   */
  nextReadable?(address: Address): Address | undefined
}

function u32At(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) +
    (bytes[at + 1] as number) * 0x100 +
    (bytes[at + 2] as number) * 0x10000 +
    (bytes[at + 3] as number) * 0x1000000
  )
}

/** Whether these bytes stand at an address. */
export function hasBytes(memory: MemoryReader, address: Address, bytes: readonly number[]): boolean {
  const found = memory.read(address, bytes.length)
  return found?.every((byte, index) => byte === bytes[index]) === true
}

export function readU8(memory: MemoryReader, address: Address): number | undefined {
  return memory.read(address, 1)?.[0]
}

export function readU32(memory: MemoryReader, address: Address): number | undefined {
  const bytes = memory.read(address, 4)
  return bytes && u32At(bytes, 0)
}

/** 64 raw bits. */
export function readWord(memory: MemoryReader, address: Address): Word | undefined {
  const bytes = memory.read(address, 8)
  return bytes && (BigInt(u32At(bytes, 4)) << 32n) | BigInt(u32At(bytes, 0))
}

/** 64 bits as a double: exact below 2^53, rounded and so at least 2^53 above. */
export function readNumber64(memory: MemoryReader, address: Address): number | undefined {
  if (memory.number64) return memory.number64(address)
  const bytes = memory.read(address, 8)
  return bytes && u32At(bytes, 4) * TWO_32 + u32At(bytes, 0)
}

/**
 * A pointer; undefined where memory is missing or the word cannot be an address (>= 2^53). Use readWord to tell apart.
 */
export function readAddress(memory: MemoryReader, address: Address): Address | undefined {
  const value = readNumber64(memory, address)
  return value !== undefined && value < ADDRESS_LIMIT ? toAddress(value) : undefined
}

/** `length` bytes as UTF-8, cut after `limit`, which it says; for Go strings, which have no NUL. */
export function readString(memory: MemoryReader, address: Address, length: number, limit = 65536): string | undefined {
  if (length === 0) return ''
  const bytes = memory.read(address, Math.min(length, limit))
  return bytes && decodeText(bytes, limit, length > limit)
}

/** NUL-terminated UTF-8, cut after `limit` bytes, which it says. */
export function readCString(memory: MemoryReader, address: Address, limit = 4096): string | undefined {
  const bytes = memory.read(address, 64 - (address % 64))
  const nul = bytes?.indexOf(0) ?? -1
  // Most are short.
  return bytes && nul >= 0 ? decodeText(bytes.subarray(0, nul), limit) : readLongCString(memory, address, limit)
}

/**
 * It is read in short pieces so that a page's end does not lose it; and byte by byte at the end of what there is, for
 * segments and sections do not end on a boundary.
 */
function readLongCString(memory: MemoryReader, address: Address, limit: number): string | undefined {
  const collected: number[] = []
  let at = address
  // One byte more tells that there are more.
  while (collected.length <= limit) {
    const toBoundary = 64 - (at % 64)
    const bytes = memory.read(at, toBoundary) ?? memory.read(at, 1)
    if (!bytes && collected.length < limit) return undefined
    if (!bytes) break
    const nul = bytes.indexOf(0)
    for (const byte of nul < 0 ? bytes : bytes.subarray(0, nul)) collected.push(byte)
    if (nul >= 0) break
    at = toAddress(at + bytes.length)
  }
  return decodeText(Uint8Array.from(collected), limit)
}

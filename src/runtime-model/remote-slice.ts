import {type Address, addressOfWord} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import type {MemoryReader} from '../base/memory-reader.ts'

/** A Go slice of the dead process. */
export interface RemoteSlice {
  readonly array: Address
  readonly length: number
}

/** A slice header; undefined where it is missing or cannot be one. */
export function readSlice(memory: MemoryReader, address: Address, maxLength: number): RemoteSlice | undefined {
  const bytes = memory.read(address, 24)
  if (!bytes) return undefined
  const cursor = new Cursor(bytes, 'slice')
  const [array, length, capacity] = [cursor.word(), cursor.word(), cursor.word()]
  const pointer = addressOfWord(array)
  if (pointer === undefined || length > capacity || length > BigInt(maxLength)) return undefined
  return {array: pointer, length: Number(length)}
}

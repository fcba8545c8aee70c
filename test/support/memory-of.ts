import type {Address} from '../../src/base/address.ts'
import type {MemoryReader} from '../../src/base/memory-reader.ts'
import type {BytesBuilder} from './bytes-builder.ts'

/** Memory that holds what was built, each piece from its origin on, and nothing else. */
export function memoryOf(...builders: readonly BytesBuilder[]): MemoryReader {
  const pieces = builders.map(builder => ({start: builder.origin, bytes: builder.build()}))
  return {
    read(address: Address, length: number) {
      const piece = pieces.find(({start, bytes}) => address >= start && address + length <= start + bytes.length)
      return piece?.bytes.subarray(address - piece.start, address - piece.start + length)
    },
  }
}

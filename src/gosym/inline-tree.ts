import {type Address, toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import type {InlineLayout} from './pclntab-layout.ts'

/** An inlined call (runtime/symtabinl.go, `inlinedCall`). Fields that the release does not have are undefined. */
export interface InlinedCall {
  nameOff: number
  /** 0 before 1.12. */
  funcID: number
  startLine: number | undefined
  /** 1.12+: offset from the function's entry of the instruction that stands for the call in its caller. */
  parentPc: number | undefined
  /** 1.9–1.11: index of the call that this one is inlined into, -1 for the function itself. */
  parent: number | undefined
  /** 1.9–1.11: where the call stands in its caller: number in the file table, and line. */
  file: number | undefined
  line: number | undefined
}

/** As the runtime declares the tree: an array of 2^20 entries, of which the tables use the first few. */
const INDEX_LIMIT = 2 ** 20

/** Entry `index` of the tree at `tree`; undefined where there is none. */
export function readInlinedCall(
  memory: MemoryReader,
  tree: Address,
  index: number,
  layout: InlineLayout,
): InlinedCall | undefined {
  if (index < 0 || index >= INDEX_LIMIT) return undefined
  const bytes = memory.read(toAddress(tree + index * layout.size), layout.size)
  if (!bytes) return undefined
  const cursor = new Cursor(bytes, 'inline tree', tree)
  const i32 = (at: number | undefined): number | undefined => {
    if (at === undefined) return undefined
    cursor.seek(at)
    return cursor.i32()
  }
  return {
    nameOff: i32(layout.nameOff) ?? 0,
    funcID: layout.funcID === undefined ? 0 : (bytes[layout.funcID] ?? 0),
    startLine: i32(layout.startLine),
    parentPc: i32(layout.parentPc),
    parent: i32(layout.parent),
    file: i32(layout.file),
    line: i32(layout.line),
  }
}

import {ADDRESS_LIMIT} from '../base/address.ts'
import type {Cursor} from '../base/cursor.ts'
import {DW_RLE} from './constants.ts'
import type {Unit} from './unit.ts'

/** Takes one half-open pc range. */
export type RangeSink = (start: number, end: number) => void

/** Addresses at and above this are marks of linkers for code that was thrown away (lld: -1, -2). */
export const TOMBSTONE = ADDRESS_LIMIT

/**
 * A list of `.debug_rnglists` (DWARF 5, 2.17.3) or, before version 5, of `.debug_ranges`. Empty and dead ranges are
 * left out.
 */
export function readRangeList(unit: Unit, offset: number, sink: RangeSink): void {
  if (unit.version >= 5) {
    const cursor = unit.file.sections.cursor('.debug_rnglists')
    cursor.seek(offset)
    readRnglist(cursor, unit, sink)
    return
  }
  const {sections} = unit.file.skeleton?.file ?? unit.file
  const cursor = sections.cursor('.debug_ranges')
  cursor.seek(offset)
  readDebugRanges(cursor, unit, sink)
}

/** Linkers leave the ranges of dropped functions at 0 (GNU ld) or near 2^64 (lld); neither is code. */
function report(start: number, end: number, sink: RangeSink): void {
  if (start > 0 && start < end && end < TOMBSTONE) sink(start, end)
}

/** DWARF 4, 2.17.3: pairs relative to a base; a largest-address entry sets the base, a pair of zeros ends. */
function readDebugRanges(cursor: Cursor, unit: Unit, sink: RangeSink): void {
  const size = unit.addressSize
  const largest = size === 8 ? 2 ** 64 : 2 ** 32 - 1
  let base = unit.lowPc
  for (;;) {
    unit.spendRange(cursor)
    const start = readAddress(cursor, size)
    const end = readAddress(cursor, size)
    if (start === 0 && end === 0) return
    if (start >= largest) base = end
    // ld marks dropped functions with the pair (1, 1), or leaves their size on a start of 0
    else if (start !== 0 || base !== 0) report(base + start, base + end, sink)
  }
}

function readAddress(cursor: Cursor, size: number): number {
  return size === 8 ? cursor.number64() : cursor.u32()
}

function readRnglist(cursor: Cursor, unit: Unit, sink: RangeSink): void {
  const size = unit.addressSize
  const indexed = () => unit.indexedAddress(cursor.uleb128()) ?? TOMBSTONE
  let base = unit.lowPc
  for (;;) {
    unit.spendRange(cursor)
    const kind = cursor.u8()
    switch (kind) {
      case DW_RLE.end_of_list:
        return
      case DW_RLE.base_addressx:
        base = indexed()
        break
      case DW_RLE.startx_endx: {
        const start = indexed()
        report(start, indexed(), sink)
        break
      }
      case DW_RLE.startx_length: {
        const start = indexed()
        report(start, start + cursor.uleb128(), sink)
        break
      }
      case DW_RLE.offset_pair: {
        const start = cursor.uleb128()
        const end = cursor.uleb128()
        if (base !== 0 || start !== 0) report(base + start, base + end, sink)
        break
      }
      case DW_RLE.base_address:
        base = readAddress(cursor, size)
        break
      case DW_RLE.start_end: {
        const start = readAddress(cursor, size)
        report(start, readAddress(cursor, size), sink)
        break
      }
      case DW_RLE.start_length: {
        const start = readAddress(cursor, size)
        report(start, start + cursor.uleb128(), sink)
        break
      }
      default:
        throw cursor.error(`unknown range list entry ${kind}`, cursor.position - 1)
    }
  }
}

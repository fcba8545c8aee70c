import {addressOfWord} from '../base/address.ts'
import type {Cursor} from '../base/cursor.ts'

/** Link addresses that encoded pointers count from (LSB 5, 10.5.1). */
export interface PointerBases {
  /** Of the section that the cursor's base offsets count in; for DW_EH_PE_pcrel. */
  readonly section: number
  readonly text: number
  readonly data: number
  readonly function?: number | undefined
}

/**
 * DWARF exception header encoding (LSB 5, 10.5.1): low nibble the format, next three bits the base, then indirection.
 */
const DW_EH_PE = {
  absptr: 0x00,
  uleb128: 0x01,
  udata2: 0x02,
  udata4: 0x03,
  udata8: 0x04,
  signed: 0x08,
  sleb128: 0x09,
  sdata2: 0x0a,
  sdata4: 0x0b,
  sdata8: 0x0c,
  pcrel: 0x10,
  textrel: 0x20,
  datarel: 0x30,
  funcrel: 0x40,
  aligned: 0x50,
  indirect: 0x80,
  omit: 0xff,
} as const

const TWO_64 = 2n ** 64n

/**
 * A pointer in one of the encodings, as a link address; undefined for DW_EH_PE_omit.
 * @throws FormatError for an unknown encoding, and for an indirect one: its word lies in memory that no FDE of amd64
 *   needs
 */
export function readEncodedPointer(cursor: Cursor, encoding: number, bases: PointerBases): number | undefined {
  if (encoding === DW_EH_PE.omit) return undefined
  if (encoding >= DW_EH_PE.indirect) throw cursor.error(`indirect pointer encoding 0x${encoding.toString(16)}`)
  const application = encoding - (encoding % 0x10)
  if (application === DW_EH_PE.aligned) alignToSection(cursor, bases.section)
  const at = bases.section + cursor.base + cursor.position
  const start = cursor.position
  const value = readFormat(cursor, encoding % 0x10)
  const address = baseOf(application, at, bases, cursor) + value
  // Negative displacements wrap in 64 bits; 8-byte ones are exact only as integers.
  const wrapped = BigInt.asUintN(64, address) % TWO_64
  const pointer = addressOfWord(wrapped)
  if (pointer === undefined) throw cursor.error(`pointer 0x${wrapped.toString(16)} is no address`, start)
  return pointer
}

function readFormat(cursor: Cursor, format: number): bigint {
  switch (format) {
    case DW_EH_PE.absptr:
    case DW_EH_PE.udata8:
      return cursor.word()
    case DW_EH_PE.signed:
    case DW_EH_PE.sdata8:
      return cursor.i64()
    case DW_EH_PE.uleb128:
      return cursor.uleb128Word()
    case DW_EH_PE.sleb128:
      return cursor.sleb128Word()
    case DW_EH_PE.udata2:
      return BigInt(cursor.u16())
    case DW_EH_PE.sdata2:
      return BigInt(cursor.i16())
    case DW_EH_PE.udata4:
      return BigInt(cursor.u32())
    case DW_EH_PE.sdata4:
      return BigInt(cursor.i32())
    default:
      throw cursor.error(`pointer format 0x${format.toString(16)}`)
  }
}

function baseOf(application: number, at: number, bases: PointerBases, cursor: Cursor): bigint {
  switch (application) {
    case DW_EH_PE.absptr:
    case DW_EH_PE.aligned:
      return 0n
    case DW_EH_PE.pcrel:
      return BigInt(at)
    case DW_EH_PE.textrel:
      return BigInt(bases.text)
    case DW_EH_PE.datarel:
      return BigInt(bases.data)
    case DW_EH_PE.funcrel:
      return BigInt(bases.function ?? 0)
    default:
      throw cursor.error(`pointer base 0x${application.toString(16)}`)
  }
}

function alignToSection(cursor: Cursor, section: number): void {
  const misalignment = (section + cursor.base + cursor.position) % 8
  if (misalignment !== 0) cursor.skip(8 - misalignment)
}

/** Steps over a pointer whose value does not matter, indirect or not (a personality routine). */
export function skipEncodedPointer(cursor: Cursor, encoding: number): void {
  if (encoding === DW_EH_PE.omit) return
  if (encoding % 0x80 === DW_EH_PE.aligned) alignToSection(cursor, 0)
  readFormat(cursor, encoding % 0x10)
}

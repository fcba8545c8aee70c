import {DW_AT, DW_FORM} from './constants.ts'
import type {DwarfFile} from './dwarf-file.ts'
import {skipForm} from './form.ts'
import type {DieReference, Unit} from './unit.ts'

/** Hits of one number that are looked at: a small one stands in many places. */
const HIT_LIMIT = 20_000
/** Longest name of a type that is looked for, with what else stands before the attribute. */
const DIE_HEAD_MAX = 4096
/** Bytes of the attributes between the name and the descriptor. */
const NUMBERS_MAX = 64

/**
 * The DIE of a Go type by its descriptor in the process: DW_AT_go_runtime_type holds its link address, since Go 1.26
 * its offset in the type section (cmd/link/internal/ld/dwarf.go). The bytes of `.debug_info` are searched for the
 * number, for nothing lists those DIEs, and the DIE that would hold it exactly there is decoded back.
 */
export function findRuntimeType(file: DwarfFile, number: number): DieReference | undefined {
  const {bytes: whole} = file.sections.cursor('.debug_info')
  const section = Buffer.from(whole.buffer, whole.byteOffset, whole.length)
  const needle = Buffer.alloc(8)
  needle.writeBigUInt64LE(BigInt(number))
  let at = section.indexOf(needle)
  for (let hits = 0; at >= 0 && hits < HIT_LIMIT; hits++) {
    const die = dieWith(file, at, lowestStart(section, at))
    if (die) return die
    at = section.indexOf(needle, at + 1)
  }
  return undefined
}

/**
 * Where the DIE can begin at the earliest: its abbreviation's code stands right before its name, which is text up to a
 * NUL, and between that and the attribute there are numbers alone. The code may look like text too.
 */
function lowestStart(section: Uint8Array, at: number): number {
  let lowest = at
  for (let nul = at - 1; nul >= Math.max(0, at - NUMBERS_MAX); nul--) {
    if (section[nul] !== 0) continue
    let before = nul - 1
    while (before >= 0 && (section[before] as number) >= 0x20 && nul - before < DIE_HEAD_MAX) before--
    lowest = Math.min(lowest, before - 1)
  }
  return lowest
}

/** The DIE whose DW_AT_go_runtime_type stands at a section offset. */
function dieWith(file: DwarfFile, at: number, lowest: number): DieReference | undefined {
  const unit = file.info.containing(at)
  if (!unit) return undefined
  // The text of a name may look like a DIE itself: the one that begins first is the one.
  let found: DieReference | undefined
  for (let offset = at - 2; offset >= Math.max(unit.header.firstDie, lowest); offset--) {
    if (holdsAt(unit, offset, at)) found = {unit, offset}
  }
  return found
}

function holdsAt(unit: Unit, offset: number, at: number): boolean {
  const cursor = unit.cursorAt(offset)
  const first = cursor.bytes[cursor.position] as number
  // Abbreviations of Go's linker are few.
  if (first === 0 || (first >= 0x80 && (cursor.bytes[cursor.position + 1] ?? 0) >= 0x80)) return false
  const abbrev = unit.abbrevs.find(cursor.uleb128())
  const index = abbrev?.names.indexOf(DW_AT.go_runtime_type) ?? -1
  if (!abbrev || index < 1 || abbrev.names[0] !== DW_AT.name || abbrev.forms[0] !== DW_FORM.string) return false
  const nul = cursor.bytes.indexOf(0, cursor.position)
  if (nul <= cursor.position || unit.header.offset + nul >= at || !isText(cursor.bytes, cursor.position, nul))
    return false
  cursor.seek(nul + 1)
  for (let form = 1; form < index; form++) {
    if (cursor.remaining < 16) return false
    skipForm(cursor, abbrev.forms[form] as number, unit)
  }
  return cursor.base + cursor.position === at
}

function isText(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((bytes[at] as number) < 0x20) return false
  return true
}

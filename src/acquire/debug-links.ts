import {Cursor} from '../base/cursor.ts'
import {FormatError} from '../base/errors.ts'
import type {SectionSource} from '../base/section-source.ts'
import {hexDigits} from '../elf/build-id.ts'

/** The name of a debug file, and the CRC32 of what is in it. */
export interface DebugLink {
  name: string
  crc: number
}

/** The name of a supplementary file, and what proves that it is the one: its build ID or its checksum, in hex. */
export interface SupplementaryLink {
  name: string
  id: string
}

/** `.gnu_debuglink` (GDB manual, "Separate Debug Files"): name, padding to 4 bytes, CRC32. */
export function readDebugLink(image: SectionSource): DebugLink | undefined {
  return readSection(image, '.gnu_debuglink', cursor => {
    const name = cursor.cstring()
    cursor.alignTo(4)
    return name === '' ? undefined : {name, crc: cursor.u32()}
  })
}

/** `.gnu_debugaltlink` (dwz): name, then the build ID up to the section's end. DWARF 5 has `.debug_sup` instead. */
export function readSupplementaryLink(dwarf: SectionSource): SupplementaryLink | undefined {
  const alternate = readSection(dwarf, '.gnu_debugaltlink', cursor => ({
    name: cursor.cstring(),
    id: hexDigits(cursor.take(cursor.remaining)),
  }))
  if (alternate) return alternate
  const sup = readSup(dwarf)
  return sup && !sup.isSupplementary ? sup : undefined
}

/** What a supplementary file says of itself: the checksum that the files which refer to it have too. */
export function readSupplementaryId(file: SectionSource): string | undefined {
  const sup = readSup(file)
  return sup?.isSupplementary ? sup.id : undefined
}

/** `.debug_sup` (DWARF 5, 7.3.6): version, is_supplementary, file name, length of the checksum, checksum. */
function readSup(file: SectionSource): (SupplementaryLink & {isSupplementary: boolean}) | undefined {
  return readSection(file, '.debug_sup', cursor => {
    cursor.skip(2)
    const isSupplementary = cursor.u8() !== 0
    const name = cursor.cstring()
    return {name, isSupplementary, id: hexDigits(cursor.take(cursor.uleb128()))}
  })
}

/** A section too short for what it should hold links to nothing. */
function readSection<T>(file: SectionSource, name: string, read: (cursor: Cursor) => T): T | undefined {
  const section = file.section(name)
  if (!section) return undefined
  try {
    return read(new Cursor(section.bytes, `${file.name}:${name}`))
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}

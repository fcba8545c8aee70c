import {Cursor} from '../base/cursor.ts'
import {ET, hasElfMagic} from '../elf/elf-headers.ts'

/** e_ident, then e_type (gABI ch. 4, "ELF Header"): as much of a file as tells whether it is a core. */
export const CORE_HEAD_SIZE = 18
const EI_DATA = 5
const ELFDATA2MSB = 2
const ET_CORE_SWAPPED = 0x0400

/** Whether these bytes begin a core of any machine: one of another machine is a core too, and is answered with an error. */
export function isCoreHead(bytes: Uint8Array): boolean {
  if (bytes.length < CORE_HEAD_SIZE || !hasElfMagic(bytes)) return false
  const cursor = new Cursor(bytes, 'header')
  cursor.seek(EI_DATA)
  const wanted = cursor.u8() === ELFDATA2MSB ? ET_CORE_SWAPPED : ET.ET_CORE
  cursor.seek(16)
  return cursor.u16() === wanted
}

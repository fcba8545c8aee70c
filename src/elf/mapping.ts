import type {Address} from '../base/address.ts'
import type {Cursor} from '../base/cursor.ts'

/** A part of a file that the process had mapped. */
export interface FileMapping {
  start: Address
  end: Address
  /** In bytes. */
  fileOffset: number
  /** As the kernel knew it; a removed file ends in ` (deleted)`. */
  path: string
}

const MAPPING_SIZE = 24

/**
 * NT_FILE (Linux: fs/binfmt_elf.c, fill_files_note): count, page size, triples of start, end and offset in pages, then
 * the names. A note that ends early gives the mappings whose name is still there.
 */
export function parseFileMappings(desc: Cursor): FileMapping[] {
  const count = desc.u64()
  const pageSize = desc.u64()
  if (count > desc.remaining / MAPPING_SIZE) throw desc.error(`${count} mappings do not fit`)
  const triples = desc.slice(count * MAPPING_SIZE)
  const mappings: FileMapping[] = []
  for (let index = 0; index < count && !desc.atEnd; index++) {
    const start = triples.address()
    const end = triples.address()
    const fileOffset = triples.u64() * pageSize
    const path = desc.cstring()
    if (end > start && Number.isSafeInteger(fileOffset)) mappings.push({start, end, fileOffset, path})
  }
  return mappings
}

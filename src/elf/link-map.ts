import {type Address, addressOfWord, toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {type MemoryReader, readAddress, readCString, readWord} from '../base/memory-reader.ts'
import type {ElfFile} from './elf-file.ts'
import {PT} from './elf-headers.ts'
import {DT, parseDynamic} from './segment-sections.ts'

export interface LinkMapEntry {
  /** '' for the program itself. */
  path: string
  loadBias: number
  /** Of the entry itself. */
  address: Address
  /** Of the path. */
  name: Address
}

const ENTRIES_MAX = 65536
const DYNAMIC_SIZE_MAX = 65536

/**
 * The dynamic linker's list of what it loaded (glibc: elf/link.h, struct r_debug and struct link_map), found through
 * DT_DEBUG of the program. A list that is torn or runs in circles gives the entries up to there.
 */
export function* readLinkMap(memory: MemoryReader, program: ElfFile, loadBias: number): Generator<LinkMapEntry> {
  const segment = program.segments.find(candidate => candidate.type === PT.PT_DYNAMIC)
  if (!segment || segment.address + loadBias < 0) return
  const size = Math.min(segment.memorySize, DYNAMIC_SIZE_MAX)
  const bytes = memory.read(toAddress(segment.address + loadBias), size)
  const debug = bytes && parseDynamic(new Cursor(bytes, `${program.name}:.dynamic`)).get(DT.DT_DEBUG)
  if (!debug) return
  // r_debug: r_version at 0, r_map at 8. link_map: l_addr, l_name, l_ld, l_next.
  let entry = readAddress(memory, toAddress(debug + 8))
  const seen = new Set<number>()
  while (entry && !seen.has(entry) && seen.size < ENTRIES_MAX) {
    seen.add(entry)
    const bias = readWord(memory, entry)
    const name = readAddress(memory, toAddress(entry + 8))
    if (bias === undefined) return
    const loadBias = addressOfWord(bias)
    const path = name ? readCString(memory, name) : undefined
    if (name && path !== undefined && loadBias !== undefined) yield {path, loadBias, address: entry, name}
    entry = readAddress(memory, toAddress(entry + 24))
  }
}

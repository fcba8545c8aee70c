import {USER_REGS} from '../amd64/user-regs.ts'
import {type Address, addressOfWord, toAddress} from '../base/address.ts'
import {Diagnostics} from '../base/diagnostics.ts'
import type {CoreFile} from './core-file.ts'
import {PT, readFileHeader, readProgramHeaders} from './elf-headers.ts'
import {readLinkMap} from './link-map.ts'
import {openMemoryImage} from './memory-image.ts'
import {AT} from './notes.ts'

/** Of a thread's stack: debuggers look past what a walk needs, at arguments and locals. */
const STACK_MAX = 256 * 1024
/** What a leaf function may use below its stack pointer (psABI, 3.2.2). */
const RED_ZONE = 128
const PAGE = 4096

/**
 * Reads of a core what debuggers need to find the libraries and to walk the threads, which our own walk need not have
 * asked for: notes, the linker's list, the used part of each stack, thread-local storage.
 */
export function readForDebuggers(core: CoreFile): void {
  for (const segment of readProgramHeaders(core.source, readFileHeader(core.source))) {
    if (segment.type === PT.PT_NOTE) readFile(core, segment.offset, segment.fileSize)
  }
  for (const {registers} of core.threads) {
    const sp = addressOfWord(registers[USER_REGS.rsp] ?? 0n)
    const storage = addressOfWord(registers[USER_REGS.fs_base] ?? 0n)
    if (sp !== undefined && sp > RED_ZONE) readAround(core, toAddress(sp - RED_ZONE), STACK_MAX)
    if (storage !== undefined && storage > PAGE) readAround(core, toAddress(storage - PAGE), 2 * PAGE)
  }
  for (const {start, fileOffset} of core.mappings) if (fileOffset === 0) readAround(core, start, PAGE)
  readLinkerList(core)
}

function readFile({source}: CoreFile, offset: number, size: number): void {
  const end = Math.min(offset + size, source.size)
  for (let at = offset; at < end; at += PAGE) source.read(at, Math.min(PAGE, end - at))
}

/** As much as the core holds of what begins at an address. */
function readAround({segments}: CoreFile, address: Address, size: number): void {
  const {state, end} = segments.extentAt(address)
  if (state !== 'dumped') return
  const last = Math.min(end, address + size)
  for (let at: number = address; at < last; at += PAGE) segments.read(toAddress(at), Math.min(PAGE, last - at))
}

function readLinkerList(core: CoreFile): void {
  const headers = addressOfWord(core.auxv.get(AT.AT_PHDR) ?? 0n)
  const mapping = core.mappings.find(({start, end}) => headers !== undefined && headers >= start && headers < end)
  if (!mapping) return
  const image = openMemoryImage(core.memory, mapping.start, mapping.path, new Diagnostics())
  if (!image) return
  const {elf, loadBias} = image
  const lists = elf.segments.filter(({type}) => type === PT.PT_DYNAMIC).map(({address}) => address + loadBias)
  for (const {address} of readLinkMap(core.memory, elf, loadBias)) lists.push(address)
  // Before the first entry there is struct r_debug, of which that one is the head.
  for (const address of lists) readAround(core, toAddress(Math.max(address - PAGE / 2, 0)), PAGE)
  readAround(core, toAddress(addressOfWord(core.auxv.get(AT.AT_BASE) ?? 0n) ?? 0), PAGE)
}

import {type Address, toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {GotraceError} from '../base/errors.ts'
import type {Section} from '../base/section-source.ts'
import {PT, type Segment} from './elf-headers.ts'

/** Tags of the dynamic section (gABI ch. 5, "Dynamic Section"). */
export const DT = {
  DT_HASH: 4,
  DT_STRTAB: 5,
  DT_SYMTAB: 6,
  DT_STRSZ: 10,
  DT_SONAME: 14,
  DT_DEBUG: 21,
  DT_GNU_HASH: 0x6ffffef5,
} as const

const SYMBOL_SIZE = 24
const SYMBOLS_MAX = 16_000_000
/** DW_EH_PE (LSB Core 10.5): the pointer encodings that linkers use for eh_frame_ptr. */
const DW_EH_PE_pcrel_sdata4 = 0x1b

/** What is needed of an image to find sections through its program headers. */
interface SegmentedImage {
  readonly name: string
  readonly segments: readonly Segment[]
  readonly linkStart: Address
  readonly linkEnd: Address
  loadAt(address: Address): Segment | undefined
  readAtLinkAddress(address: Address, length: number): Uint8Array | undefined
}

/**
 * Sections of an image without section headers (`sstrip`, or an image in memory, whose section headers were never
 * loaded): what the dynamic linker and the unwinder need is located by program headers.
 */
export function findSegmentSections(image: SegmentedImage, loadBias: number): ReadonlyMap<string, Section> {
  const sections = new Map<string, Section>()
  for (const segment of image.segments) {
    try {
      if (segment.type === PT.PT_GNU_EH_FRAME) addUnwindSections(sections, image, segment)
      else if (segment.type === PT.PT_DYNAMIC) addDynamicSections(sections, image, segment, loadBias)
    } catch (error) {
      // One bad segment costs its own sections alone; without them the stack says no-unwind-info.
      if (!(error instanceof GotraceError)) throw error
    }
  }
  return sections
}

function add(
  sections: Map<string, Section>,
  image: SegmentedImage,
  name: string,
  address: Address,
  size: number,
): Section | undefined {
  const load = image.loadAt(address)
  const held = load && load.address + load.fileSize - address
  if (held === undefined || held <= 0 || size <= 0) return undefined
  const bytes = image.readAtLinkAddress(address, Math.min(size, held))
  if (!bytes) return undefined
  const section = {bytes: new Uint8Array(bytes), address}
  sections.set(name, section)
  return section
}

/** .eh_frame_hdr (LSB Core 10.6.2) points at .eh_frame, which has no size of its own: a zero terminator ends it. */
function addUnwindSections(sections: Map<string, Section>, image: SegmentedImage, segment: Segment): void {
  const header = add(sections, image, '.eh_frame_hdr', segment.address, segment.memorySize)
  if (!header) return
  const cursor = new Cursor(header.bytes, `${image.name}:.eh_frame_hdr`)
  cursor.skip(1)
  if (cursor.u8() !== DW_EH_PE_pcrel_sdata4) return
  cursor.seek(4)
  const address = segment.address + 4 + cursor.i32()
  const load = address > 0 ? image.loadAt(toAddress(address)) : undefined
  if (load) add(sections, image, '.eh_frame', toAddress(address), load.address + load.fileSize - address)
}

function addDynamicSections(
  sections: Map<string, Section>,
  image: SegmentedImage,
  segment: Segment,
  loadBias: number,
): void {
  const dynamic = add(sections, image, '.dynamic', segment.address, segment.memorySize)
  if (!dynamic) return
  const tags = parseDynamic(new Cursor(dynamic.bytes, `${image.name}:.dynamic`))
  // The dynamic linker relocates the pointers in place (glibc: elf/get-dynamic-info.h), except where it cannot write.
  const linkAddress = (tag: number): Address | undefined => {
    const value = tags.get(tag)
    if (value === undefined) return undefined
    if (value >= image.linkStart && value < image.linkEnd) return toAddress(value)
    const moved = value - loadBias
    return moved >= image.linkStart && moved < image.linkEnd ? toAddress(moved) : undefined
  }
  const symbols = linkAddress(DT.DT_SYMTAB)
  const strings = linkAddress(DT.DT_STRTAB)
  const stringsSize = tags.get(DT.DT_STRSZ)
  if (symbols === undefined || strings === undefined || stringsSize === undefined) return
  const count =
    countByHash(image, linkAddress(DT.DT_HASH)) ??
    countByGnuHash(image, linkAddress(DT.DT_GNU_HASH)) ??
    // Linkers put the strings after the symbols; a guess that is too long only adds unnamed symbols.
    Math.floor((strings - symbols) / SYMBOL_SIZE)
  add(sections, image, '.dynsym', symbols, Math.min(count, SYMBOLS_MAX) * SYMBOL_SIZE)
  add(sections, image, '.dynstr', strings, stringsSize)
}

/** Elf64_Dyn pairs up to DT_NULL; values past 2^53 are no addresses and are left out. */
export function parseDynamic(cursor: Cursor): ReadonlyMap<number, number> {
  const tags = new Map<number, number>()
  while (cursor.remaining >= 16) {
    const tag = Number(cursor.word())
    const value = Number(cursor.word())
    if (tag === 0) break
    if (Number.isSafeInteger(value) && !tags.has(tag)) tags.set(tag, value)
  }
  return tags
}

/** DT_HASH: nbucket, nchain; a chain entry for each symbol (gABI ch. 5, "Hash Table"). */
function countByHash(image: SegmentedImage, address: Address | undefined): number | undefined {
  const bytes = address === undefined ? undefined : image.readAtLinkAddress(address, 8)
  return bytes && new Cursor(bytes.subarray(4), `${image.name}:.hash`).u32()
}

/** DT_GNU_HASH has no count: the last symbol is where the chain of the highest bucket ends. */
function countByGnuHash(image: SegmentedImage, address: Address | undefined): number | undefined {
  if (address === undefined) return undefined
  const headerBytes = image.readAtLinkAddress(address, 16)
  if (!headerBytes) return undefined
  const header = new Cursor(new Uint8Array(headerBytes), `${image.name}:.gnu.hash`)
  const bucketCount = header.u32()
  const firstSymbol = header.u32()
  const bloomWords = header.u32()
  const bucketsAt = address + 16 + bloomWords * 8
  const bucketBytes = image.readAtLinkAddress(toAddress(bucketsAt), bucketCount * 4)
  if (!bucketBytes) return undefined
  const buckets = new Cursor(new Uint8Array(bucketBytes), `${image.name}:.gnu.hash`)
  let last = 0
  while (!buckets.atEnd) last = Math.max(last, buckets.u32())
  if (last < firstSymbol) return firstSymbol
  const chainsAt = bucketsAt + bucketCount * 4
  for (; last < SYMBOLS_MAX; last++) {
    const entry = image.readAtLinkAddress(toAddress(chainsAt + (last - firstSymbol) * 4), 4)
    if (!entry) return undefined
    // Bit 0 marks a chain's end.
    if (new Cursor(entry, image.name).u32() % 2 === 1) return last + 1
  }
  return undefined
}

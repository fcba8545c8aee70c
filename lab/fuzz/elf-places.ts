import type {PlaceCollector} from './place.ts'

/** Fields of the ELF header, of program headers and of section headers (gABI ch. 4 and 5): offset, size, meaning. */
type Fields = Readonly<
  Record<string, readonly [offset: number, size: number, holds: 'word' | 'size' | 'offset' | 'pointer']>
>

const HEADER: Fields = {
  e_ident: [4, 4, 'word'],
  e_type: [16, 2, 'word'],
  e_machine: [18, 2, 'word'],
  e_entry: [24, 8, 'pointer'],
  e_phoff: [32, 8, 'offset'],
  e_shoff: [40, 8, 'offset'],
  e_phentsize: [54, 2, 'size'],
  e_phnum: [56, 2, 'size'],
  e_shentsize: [58, 2, 'size'],
  e_shnum: [60, 2, 'size'],
  e_shstrndx: [62, 2, 'size'],
}
const PROGRAM_HEADER: Fields = {
  p_type: [0, 4, 'word'],
  p_flags: [4, 4, 'word'],
  p_offset: [8, 8, 'offset'],
  p_vaddr: [16, 8, 'pointer'],
  p_filesz: [32, 8, 'size'],
  p_memsz: [40, 8, 'size'],
  p_align: [48, 8, 'size'],
}
const SECTION_HEADER: Fields = {
  sh_name: [0, 4, 'offset'],
  sh_type: [4, 4, 'word'],
  sh_flags: [8, 8, 'word'],
  sh_addr: [16, 8, 'pointer'],
  sh_offset: [24, 8, 'offset'],
  sh_size: [32, 8, 'size'],
  sh_link: [40, 4, 'size'],
  sh_info: [44, 4, 'size'],
  sh_addralign: [48, 8, 'size'],
  sh_entsize: [56, 8, 'size'],
}
const PROGRAM_HEADER_SIZE = 56
const SECTION_HEADER_SIZE = 64
const SHT_NOBITS = 8
const PT_LOAD = 1
const PT_NOTE = 4

/** Sections by what reads them. */
const CONTENTS: readonly (readonly [RegExp, string])[] = [
  [/^\.z?debug_(info|types|abbrev)/, 'DWARF units'],
  [/^\.z?debug_(line|line_str|str|str_offsets|addr)/, 'DWARF lines and strings'],
  [/^\.z?debug_/, 'DWARF ranges and the rest'],
  [/pclntab|^\.go\.func/, 'Go function tables'],
  [/^\.(go\.buildinfo|go\.module|noptrdata|typelink|itablink|data\.rel\.ro|rodata)/, 'Go data'],
  [/^\.(symtab|dynsym)/, 'symbols'],
  [/^\.(strtab|dynstr|shstrtab)/, 'strings'],
  [/^\.(dynamic|rela|plt|got|gnu\.hash)/, 'dynamic linking'],
  [/^\.(note|gnu_debug)/, 'links to other files'],
  [/^\.text$/, 'code'],
]

/** A run of memory that a core or a program holds. */
export interface LoadRange {
  readonly address: number
  readonly offset: number
  readonly size: number
}

export interface ElfParts {
  readonly loads: readonly LoadRange[]
  readonly notes: readonly {readonly offset: number; readonly size: number}[]
}

/** The places of an ELF file of which `bytes` is the whole, or of a core the beginning. */
export function addElfPlaces(places: PlaceCollector, file: string, bytes: Uint8Array, kind = file): ElfParts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  addFields(places, {file, kind: `${kind}: ELF header`, at: 0}, HEADER)
  const loads: LoadRange[] = []
  const notes: {offset: number; size: number}[] = []
  const table = number64(view, 32)
  for (let index = 0; index < view.getUint16(56, true); index++) {
    const at = table + index * PROGRAM_HEADER_SIZE
    addFields(places, {file, kind: `${kind}: program headers`, at}, PROGRAM_HEADER)
    places.addEdge(file, at)
    const type = view.getUint32(at, true)
    const part = {address: number64(view, at + 16), offset: number64(view, at + 8), size: number64(view, at + 32)}
    places.addEdge(file, part.offset)
    places.addEdge(file, part.offset + part.size)
    if (type === PT_LOAD && part.size > 0) loads.push(part)
    if (type === PT_NOTE) notes.push(part)
  }
  addSections(places, file, bytes, kind)
  return {loads, notes}
}

export interface SectionRange {
  readonly name: string
  readonly address: number
  readonly offset: number
  readonly size: number
}

function addSections(places: PlaceCollector, file: string, bytes: Uint8Array, kind: string): void {
  for (const section of sectionsOf(bytes)) {
    addFields(places, {file, kind: `${kind}: section headers`, at: section.header}, SECTION_HEADER)
    places.addEdge(file, section.header)
    places.addEdge(file, section.offset)
    places.addEdge(file, section.offset + section.size)
    const contents = CONTENTS.find(([names]) => names.test(section.name))?.[1]
    if (contents === undefined) continue
    const place = {file, kind: `${kind}: ${contents}`, holds: 'bytes'} as const
    places.add({...place, at: section.offset, size: section.size})
    // The head of a section steers what reads the rest.
    places.add({...place, at: section.offset, size: Math.min(section.size, 64)})
  }
}

/** The sections that are in the file. */
export function* sectionsOf(bytes: Uint8Array): Generator<SectionRange & {readonly header: number}> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const table = number64(view, 40)
  const count = view.getUint16(60, true)
  if (table === 0 || table + count * SECTION_HEADER_SIZE > bytes.length) return
  const names = number64(view, table + view.getUint16(62, true) * SECTION_HEADER_SIZE + 24)
  for (let index = 1; index < count; index++) {
    const header = table + index * SECTION_HEADER_SIZE
    if (view.getUint32(header + 4, true) === SHT_NOBITS) continue
    yield {
      header,
      name: cstring(bytes, names + view.getUint32(header, true)),
      address: number64(view, header + 16),
      offset: number64(view, header + 24),
      size: number64(view, header + 32),
    }
  }
}

function addFields(
  places: PlaceCollector,
  {file, kind, at}: {file: string; kind: string; at: number},
  fields: Fields,
): void {
  for (const [offset, size, holds] of Object.values(fields)) {
    places.add({file, kind, at: at + offset, size, holds})
  }
}

export function number64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true))
}

function cstring(bytes: Uint8Array, at: number): string {
  const end = bytes.indexOf(0, at)
  return new TextDecoder().decode(bytes.subarray(at, end < 0 ? at : end))
}

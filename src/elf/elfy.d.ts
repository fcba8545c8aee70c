/** The part of elfy 1.0.0 that elf-headers.ts calls; the package has no types of its own. */
declare module 'elfy' {
  export interface Header {
    class: string
    endian: string
    entry: number
    phoff: number
    shoff: number
    phentsize: number
    phnum: number
    shentsize: number
    shnum: number
    shstrndx: number
  }
  export interface ProgramHeader {
    offset: number
    vaddr: number
    filesz: number
    memsz: number
    align: number
    flags: {r?: boolean; w?: boolean; x?: boolean}
  }
  export interface SectionHeader {
    name: number
    addr: number
    off: number
    size: number
    link: number
    info: number
  }
  export interface Parser {
    parseHeader(bytes: Uint8Array): Header
    parseProgram(entry: Uint8Array, header: Header, file: Uint8Array): ProgramHeader
    parseSection(entry: Uint8Array, header: Header, file: Uint8Array): SectionHeader
    sliceChunks(bytes: Uint8Array, offset: number, count: number, size: number): Uint8Array[]
  }
  const elfy: {Parser: new () => Parser}
  export default elfy
}

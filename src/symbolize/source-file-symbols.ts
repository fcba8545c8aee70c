import {Cursor} from '../base/cursor.ts'
import type {ElfFile} from '../elf/elf-file.ts'

const SYMBOL_SIZE = 24
const STT_FILE = 4
const STB_LOCAL = 0

/**
 * Source files of local functions by the symbol table alone: a STT_FILE symbol stands before the local symbols of its file
 * (gABI ch. 4, "Symbol Table"). Without debug information this is all that is known of where a function is.
 */
export class SourceFileSymbols {
  readonly #file: ElfFile
  /** Offset of the file's name in .strtab, by address of a local symbol. */
  #names: Map<number, number> | undefined

  constructor(file: ElfFile) {
    this.#file = file
  }

  /** Name of the file, as the compiler was given it, mostly without a directory. */
  find(entry: number): string | undefined {
    this.#names ??= this.#read()
    const offset = this.#names.get(entry)
    const strings = this.#file.section('.strtab')
    if (offset === undefined || !strings || offset >= strings.bytes.length) return undefined
    const cursor = new Cursor(strings.bytes, `${this.#file.name}:.strtab`)
    cursor.seek(offset)
    return cursor.cstring() || undefined
  }

  #read(): Map<number, number> {
    const names = new Map<number, number>()
    const table = this.#file.section('.symtab')
    if (!table) return names
    const cursor = new Cursor(table.bytes, `${this.#file.name}:.symtab`)
    let file = 0
    while (cursor.remaining >= SYMBOL_SIZE) {
      const name = cursor.u32()
      const info = cursor.u8()
      cursor.skip(3)
      const low = cursor.u32()
      const address = cursor.u32() * 0x100000000 + low
      cursor.skip(8)
      if (Math.floor(info / 16) !== STB_LOCAL) break // locals come first
      if (info % 16 === STT_FILE) file = name
      else if (file !== 0) names.set(address, file)
    }
    return names
  }
}

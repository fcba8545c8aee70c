import {ADDRESS_LIMIT, type Address, offsetAddress, toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {lastAtOrBelow} from '../base/sorted-ranges.ts'
import type {ElfFile} from '../elf/elf-file.ts'
import {PT} from '../elf/elf-headers.ts'
import {SymbolTable} from '../elf/symtab.ts'
import {findBuildInfo} from '../gosym/build-info.ts'
import {GoTables} from '../gosym/func-table.ts'
import type {ScanRange} from '../gosym/memory-scan.ts'

/**
 * Go's own tables from a file alone, as if it were loaded `loadBias` above where it was linked; undefined where it
 * holds no Go code.
 */
export function openGoFileTables(image: ElfFile, diagnostics: Diagnostics, loadBias = 0): GoTables | undefined {
  if (!mayHoldGo(image)) return undefined
  const memory = memoryOfFile(image, loadBias)
  const candidates: ScanRange[] = image.segments
    .filter(({type, fileSize}) => type === PT.PT_LOAD && fileSize > 0)
    .map(({address, fileSize, writable}) => {
      const start = toAddress(address + loadBias)
      return {start, end: toAddress(start + fileSize), writable}
    })
  const moduledata = SymbolTable.of(image).lookup('runtime.firstmoduledata')?.address
  return GoTables.open({
    memory,
    version: findBuildInfo(memory, candidates)?.version,
    firstModuledata: moduledata && toAddress(moduledata + loadBias),
    candidates,
    diagnostics,
  })
}

/** The data and code of a file as the loader would place them `loadBias` above where it was linked. */
export function memoryOfFile(image: ElfFile, loadBias = 0): MemoryReader {
  return new RelocatedImage(image, loadBias)
}

/** Sections that Go's linker writes; a file without section headers may be anything. */
function mayHoldGo(image: ElfFile): boolean {
  const {sections} = image
  if (sections.length === 0) return image.goBuildId !== undefined
  return sections.some(
    ({name, size}) => size > 0 && /^\.(gopclntab|go\.buildinfo|note\.go\.buildid|gosymtab)$/.test(name),
  )
}

const R_X86_64_RELATIVE = 8
const RELA_SIZE = 24

/**
 * An image on disk as the loader would place it, at its link address or `loadBias` above: pointers of
 * position-independent code are 0 in the file, and their relocations (R_X86_64_RELATIVE, psABI amd64, 4.4) hold the
 * value.
 */
class RelocatedImage implements MemoryReader {
  readonly #image: ElfFile
  /** Places that hold a pointer, ascending, and what they point to. */
  #places: Float64Array | undefined
  #values = new Float64Array(0)

  readonly #loadBias: number

  constructor(image: ElfFile, loadBias = 0) {
    this.#image = image
    this.#loadBias = loadBias
  }

  read(at: Address, length: number): Uint8Array | undefined {
    const address = offsetAddress(at, -this.#loadBias)
    const bytes = address === undefined ? undefined : this.#image.readAtLinkAddress(address, length)
    if (address === undefined || !bytes) return undefined
    this.#places ??= this.#readRelocations()
    let index = lastAtOrBelow(this.#places, address - 8) + 1
    if (index >= this.#places.length || (this.#places[index] as number) >= address + length) return bytes
    const patched = bytes.slice()
    for (; index < this.#places.length; index++) {
      const place = this.#places[index] as number
      if (place >= address + length) break
      patch(patched, place - address, (this.#values[index] as number) + this.#loadBias)
    }
    return patched
  }

  nextReadable(address: Address): Address | undefined {
    const held = this.#image.nextHeld(address - this.#loadBias)
    return held === undefined ? undefined : offsetAddress(held, this.#loadBias)
  }

  #readRelocations(): Float64Array {
    const section = this.#image.section('.rela.dyn') ?? this.#image.section('.rela')
    if (!section) return new Float64Array(0)
    const cursor = new Cursor(section.bytes, `${this.#image.name}:.rela.dyn`)
    const found: {place: Address; value: number}[] = []
    while (cursor.remaining >= RELA_SIZE) {
      const place = cursor.number64()
      const type = cursor.u32()
      cursor.skip(4)
      const value = cursor.number64()
      if (type === R_X86_64_RELATIVE && value < ADDRESS_LIMIT) found.push({place: toAddress(place), value})
    }
    found.sort((a, b) => a.place - b.place)
    this.#values = Float64Array.from(found, ({value}) => value)
    return Float64Array.from(found, ({place}) => place)
  }
}

/** Writes a pointer of which a part may lie outside. */
function patch(bytes: Uint8Array, at: number, value: number): void {
  let rest = value
  for (let byte = 0; byte < 8; byte++) {
    if (at + byte >= 0 && at + byte < bytes.length) bytes[at + byte] = rest % 256
    rest = Math.floor(rest / 256)
  }
}

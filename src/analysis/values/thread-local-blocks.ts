import {basename} from 'node:path'
import {type Address, addressOfWord, offsetAddress, toAddress, type Word} from '../../base/address.ts'
import {Cursor} from '../../base/cursor.ts'
import {GotraceError} from '../../base/errors.ts'
import {readAddress, readWord} from '../../base/memory-reader.ts'
import type {ElfFile} from '../../elf/elf-file.ts'
import {PT} from '../../elf/elf-headers.ts'
import type {Module} from '../../elf/module.ts'
import type {DeadProcess} from '../process/dead-process.ts'

/** Relocations of thread-local storage (psABI amd64, 4.4.1; TLSDESC: RFC by Alexandre Oliva). */
const R_X86_64 = {DTPMOD64: 16, TPOFF64: 18, TLSDESC: 36} as const
const TYPES: ReadonlySet<number> = new Set(Object.values(R_X86_64))
const RELA_SIZE = 24
/** Relocations of one module that are looked through. */
const RELOCATIONS_MAX = 2_000_000
/** Slots of the thread's vector. */
const MODULES_MAX = 65_536
/** Blocks that lie at fixed distances below the thread's control block. */
const STATIC_MAX = 2 ** 26

/** How a module's code finds its block: by the number that the dynamic linker gave it, or at a fixed distance. */
type BlockPlace =
  | {readonly kind: 'number'; readonly number: number}
  | {readonly kind: 'distance'; readonly distance: number}

/**
 * Where the thread-local variables of modules are (ELF Handling For TLS, 3.4.3: variant II). What tells it are the
 * relocations of the module's own code, as the dynamic linker has filled them in: no structure of libc's is needed.
 */
export class ThreadLocalBlocks {
  readonly #process: Pick<DeadProcess, 'memory' | 'modules'>
  readonly #places = new Map<Module, BlockPlace | null>()
  readonly #isMusl: boolean

  constructor(process: Pick<DeadProcess, 'memory' | 'modules'>) {
    this.#process = process
    this.#isMusl = process.modules.some(({path}) => basename(path).startsWith('ld-musl-'))
  }

  /**
   * The block of one module for one thread; undefined where it is not known, or not there because the thread has used
   * no variable of it.
   * @param control what FS points at
   */
  blockOf(path: string, control: Address): Address | undefined {
    const module = this.#process.modules.find(each => each.path === path)
    // The control block begins with its own address (psABI amd64, 3.4.2 by way of ELF Handling For TLS).
    if (!module || control === 0 || readAddress(this.#process.memory, control) !== control) return undefined
    const place = this.#placeOf(module)
    if (!place) return undefined
    return place.kind === 'distance' ? offsetAddress(control, -place.distance) : this.#ofNumber(place.number, control)
  }

  #placeOf(module: Module): BlockPlace | null {
    let place = this.#places.get(module)
    if (place === undefined) {
      place = this.#find(module) ?? null
      this.#places.set(module, place)
    }
    return place
  }

  #find(module: Module): BlockPlace | undefined {
    const {image} = module
    if (!image) return undefined
    if (module.isExecutable) return ofProgram(image)
    try {
      return this.#byRelocations(module, image)
    } catch (error) {
      if (error instanceof GotraceError) return undefined
      throw error
    }
  }

  #byRelocations(module: Module, image: ElfFile): BlockPlace | undefined {
    for (const {slot, type, offset} of localRelocations(image)) {
      const at = toAddress(slot + module.loadBias)
      const place = this.#read(at, type, offset)
      if (place) return place
    }
    return undefined
  }

  /** @param offset of the variable in the module's block */
  #read(at: Address, type: number, offset: number): BlockPlace | undefined {
    const {memory} = this.#process
    if (type === R_X86_64.DTPMOD64) return numbered(readWord(memory, at))
    if (type === R_X86_64.TPOFF64) return distant(readWord(memory, at), offset)
    // A function, and what it is called with: a distance, or where number and offset stand.
    const argument = readWord(memory, toAddress(at + 8))
    const pair = argument === undefined ? undefined : addressOfWord(argument)
    if (pair === undefined) return distant(argument, offset)
    return readAddress(memory, toAddress(pair + 8)) === offset ? numbered(readWord(memory, toAddress(pair))) : undefined
  }

  /** Slots of the thread's vector are pairs in glibc, words in musl; one that is not in use is no address. */
  #ofNumber(number: number, control: Address): Address | undefined {
    const {memory} = this.#process
    const vector = readAddress(memory, toAddress(control + 8))
    if (vector === undefined || vector < 16) return undefined
    const count = this.#isMusl ? readAddress(memory, vector) : readAddress(memory, toAddress(vector - 16))
    if (count === undefined || number > count) return undefined
    const block = readAddress(memory, toAddress(vector + number * (this.#isMusl ? 8 : 16)))
    return block === 0 ? undefined : block
  }
}

function numbered(word: Word | undefined): BlockPlace | undefined {
  return word === undefined || word < 1n || word > MODULES_MAX ? undefined : {kind: 'number', number: Number(word)}
}

function distant(word: Word | undefined, offset: number): BlockPlace | undefined {
  const distance = word === undefined ? 0 : offset - Number(BigInt.asIntN(64, word))
  return distance > 0 && distance < STATIC_MAX ? {kind: 'distance', distance} : undefined
}

/** The program's own block ends at the control block, aligned as the linker has it. */
function ofProgram({segments}: ElfFile): BlockPlace | undefined {
  const segment = segments.find(({type}) => type === PT.PT_TLS)
  if (!segment) return undefined
  const {memorySize, address} = segment
  const alignment = Math.max(segment.alignment, 1)
  const padding = (alignment - ((address + memorySize) % alignment)) % alignment
  return {kind: 'distance', distance: memorySize + padding}
}

interface LocalRelocation {
  /** Link address of what was filled in. */
  readonly slot: number
  readonly type: number
  readonly offset: number
}

/** Those without a symbol: a symbol may have led to another module's variable. */
function* localRelocations(image: ElfFile): Generator<LocalRelocation> {
  for (const name of ['.rela.dyn', '.rela.plt']) {
    const section = image.section(name)
    if (!section) continue
    const cursor = new Cursor(section.bytes, `${image.name}:${name}`)
    for (let count = 0; cursor.remaining >= RELA_SIZE && count < RELOCATIONS_MAX; count++) {
      const slot = cursor.number64()
      const type = cursor.u32()
      const symbol = cursor.u32()
      const offset = cursor.number64()
      const isLocal = symbol === 0 && TYPES.has(type)
      if (isLocal && Number.isSafeInteger(slot) && Number.isSafeInteger(offset)) yield {slot, type, offset}
    }
  }
}

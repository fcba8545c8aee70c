import {type Address, hex, toAddress} from '../base/address.ts'
import {CallEnd} from './call-end.ts'
import {EmulatedHeap} from './emulated-heap.ts'
import type {EmulatedMemory} from './emulated-memory.ts'
import type {EmulatedModule, EmulatedProgram, EmulatedSymbol} from './emulated-program.ts'
import type {EmulatedWorld, Emulator} from './emulator.ts'
import {LIBRARY, type LibraryContext, moduleAt} from './library-functions.ts'
import {OutputRecord} from './output-record.ts'
import {SystemCalls} from './system-calls.ts'

/** What a C library defines, whatever its name: its functions are answered for. */
const LIBRARY_MARKS = ['__libc_start_main', 'pthread_mutex_lock', 'dl_iterate_phdr', 'dladdr'] as const
/** A library that brings an allocator or checks all calls. */
const ALLOCATOR = 'malloc'
/** A place for each answered function, where no code is. */
const ANSWER_STEP = 16

/**
 * The process around a call: well-known library functions are answered by name, stubs that nobody has bound are bound,
 * and system calls are answered or refused. Nothing leaves it.
 */
export class ClosedWorld implements EmulatedWorld {
  readonly output = new OutputRecord()
  readonly #program: EmulatedProgram
  readonly #context: LibraryContext
  readonly #systemCalls: SystemCalls
  readonly #answers: Address
  readonly #names = [...LIBRARY.keys()]
  #byAddress: Map<number, string> | undefined
  readonly #libraries: readonly EmulatedModule[]
  /** Where each slot leads that was asked for; null: where its word says. */
  readonly #slots = new Map<number, Address | null>()

  constructor(program: EmulatedProgram, memory: EmulatedMemory) {
    this.#program = program
    this.#context = {program, heap: new EmulatedHeap(memory), output: this.output}
    this.#systemCalls = new SystemCalls(program, this.output)
    this.#answers = memory.map(this.#names.length * ANSWER_STEP)
    this.#libraries = program.modules.filter(isLibrary)
  }

  /** Where a function of the library is answered. */
  placeOf(name: string): Address {
    return toAddress(this.#answers + this.#names.indexOf(name) * ANSWER_STEP)
  }

  systemCall = (emulator: Emulator): void => this.#systemCalls.answer(emulator)

  functionAt = (address: Address): ((emulator: Emulator) => void) | undefined => {
    const index = (address - this.#answers) / ANSWER_STEP
    const name = this.#names[index] ?? this.#libraryNames().get(address)
    const answer = name === undefined ? undefined : LIBRARY.get(name)
    if (!answer) return undefined
    return emulator => {
      const result = answer(emulator, this.#context)
      if (result !== undefined) emulator.answer(result)
    }
  }

  /** Functions of the C library by their address, for calls that go through no slot. */
  #libraryNames(): Map<number, string> {
    if (!this.#byAddress) {
      this.#byAddress = new Map()
      for (const module of this.#libraries) {
        for (const name of this.#names) {
          const symbol = module.lookup(name)
          if (symbol && !symbol.isIndirect) this.#byAddress.set(symbol.address, name)
        }
      }
    }
    return this.#byAddress
  }

  jumpThrough = (emulator: Emulator, place: Address): Address | undefined => {
    let target = this.#slots.get(place)
    if (target === undefined) {
      target = this.#leadOf(emulator, place) ?? null
      this.#slots.set(place, target)
    }
    return target ?? undefined
  }

  #leadOf(emulator: Emulator, place: Address): Address | undefined {
    const module = moduleAt(this.#program, place)
    const name = module?.slotName(place)
    if (!module || name === undefined) return undefined
    const word = toAddress(Number(emulator.memory.u64(place)))
    const isBound = word !== 0 && !module.isStub(word)
    const index = this.#names.indexOf(name)
    if (index >= 0 && (isBound ? this.#isLibrary(word) : this.#isOfLibrary(name))) {
      return this.placeOf(name)
    }
    return isBound ? undefined : this.#bind(emulator, name)
  }

  #isLibrary(address: Address): boolean {
    return this.#libraries.some(({start, end}) => address >= start && address < end)
  }

  /** Whether the first module that defines a name is the C library. */
  #isOfLibrary(name: string): boolean {
    const first = this.#program.modules.find(module => module.lookup(name) !== undefined)
    return first === undefined || this.#libraries.includes(first)
  }

  /** As the loader would: the first module that defines it. */
  #bind(emulator: Emulator, name: string): Address {
    let symbol: EmulatedSymbol | undefined
    for (const module of this.#program.modules) symbol ??= module.lookup(name)
    if (!symbol) throw new CallEnd('unmapped', `nothing defines the function ${name}`)
    if (!symbol.isIndirect) return symbol.address
    const target = emulator.call(symbol.address)
    if (target === 0n) throw new CallEnd('unmapped', `${name} at ${hex(symbol.address)} names no function`)
    return toAddress(Number(target))
  }
}

function isLibrary(module: EmulatedModule): boolean {
  const marks = module.isExecutable ? LIBRARY_MARKS : [...LIBRARY_MARKS, ALLOCATOR]
  return marks.some(name => module.lookup(name) !== undefined)
}

import {createRequire} from 'node:module'
import type {Decoder, Instruction} from 'iced-x86'
import type {Address} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {dwarfOfEncoding} from './registers.ts'

export type {Formatter, Instruction, InstructionInfoFactory, UsedMemory} from 'iced-x86'
export type Iced = typeof import('iced-x86')

/** Longest x86 instruction (Intel SDM 2, 2.3.11). */
const LONGEST_INSTRUCTION = 15

/**
 * The one door to iced-x86, for this room alone: what leaves it is in words of our own. iced is loaded at the first
 * instruction (50 ms), for most reports never decode one. Its objects live in wasm memory: they are freed here and must
 * not be kept.
 */
export class Disassembler {
  readonly #memory: MemoryReader
  #iced: Iced | undefined

  constructor(memory: MemoryReader) {
    this.#memory = memory
  }

  #load(): Iced {
    // createRequire reads the CommonJS build: import() would lex a megabyte first.
    this.#iced ??= createRequire(import.meta.url)('iced-x86') as Iced
    return this.#iced
  }

  /** As many bytes as the longest instruction has; fewer where memory ends. */
  bytesAt(pc: Address): Uint8Array | undefined {
    for (let length = LONGEST_INSTRUCTION; length > 0; length--) {
      const bytes = this.#memory.read(pc, length)
      if (bytes) return bytes
    }
    return undefined
  }

  /** Runs `use` on the instruction at `pc`; undefined where there is none. */
  decodeAt<T>(pc: Address, use: (instruction: Instruction, iced: Iced) => T): T | undefined {
    const bytes = this.bytesAt(pc)
    return bytes && this.decode(bytes, pc, use)
  }

  /** Runs `use` on the first instruction of `code`, which stands at `pc`; undefined where it begins with none. */
  decode<T>(code: Uint8Array, pc: Address, use: (instruction: Instruction, iced: Iced) => T): T | undefined {
    return this.#withDecoder(code, pc, (decoder, instruction, iced) => {
      decoder.decodeOut(instruction)
      return instruction.code === iced.Code.INVALID ? undefined : use(instruction, iced)
    })
  }

  /** Runs `use` on each instruction of `code`, which stands at `pc`. */
  decodeAll(code: Uint8Array, pc: Address, use: (instruction: Instruction, iced: Iced) => void): void {
    this.#withDecoder(code, pc, (decoder, instruction, iced) => {
      while (decoder.canDecode) {
        decoder.decodeOut(instruction)
        use(instruction, iced)
      }
    })
  }

  #withDecoder<T>(code: Uint8Array, pc: Address, use: (decoder: Decoder, into: Instruction, iced: Iced) => T): T {
    const iced = this.#load()
    let decoder: Decoder | undefined
    const instruction = new iced.Instruction()
    try {
      decoder = new iced.Decoder(64, code, iced.DecoderOptions.None)
      decoder.ip = BigInt(pc)
      return use(decoder, instruction, iced)
    } finally {
      instruction.free()
      decoder?.free()
    }
  }
}

/**
 * DWARF number of a 64-bit general register, or of the one that a narrower name is part of; undefined for all others.
 */
export function generalRegister(register: number, iced: Iced): number | undefined {
  return dwarfOfEncoding(iced.RegisterExt.fullRegister(register) - iced.Register.RAX)
}

/** Whether the name means all 64 bits of a register. */
export function isWholeRegister(register: number, iced: Iced): boolean {
  return iced.RegisterExt.fullRegister(register) === register
}

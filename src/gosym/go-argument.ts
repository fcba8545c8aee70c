import type {Address} from '../base/address.ts'
import {offsetAddress} from '../base/address.ts'
import {type MemoryReader, readU32} from '../base/memory-reader.ts'
import {ARG_MARK, type ArgLiveness, isLive} from './arg-info.ts'

/** A part of what the tables say of a function's arguments: a number or a pointer, or parts that belong together. */
export type GoArgument =
  | {
      readonly kind: 'word'
      /** From the start of the argument area, in bytes. */
      readonly offset: number
      /** In bytes: 1 to 8. */
      readonly size: number
      /** Whether its place held the argument at that pc; undefined: the tables do not tell. */
      readonly isLive: boolean | undefined
      /** The garbage collector took it for a pointer somewhere in the function; else nothing is known. */
      readonly isPointer: boolean
    }
  /** A struct, an array, or the words of a string, a slice, an interface, a complex number. */
  | {readonly kind: 'group'; readonly parts: readonly GoArgument[]}
  /** `more`: the tables stop here; `far`: one that they cannot describe. */
  | {readonly kind: 'more' | 'far'}

/**
 * Which words of the argument area are pointers anywhere in the function: the union of the rows of
 * FUNCDATA_ArgsPointerMaps (runtime/symtab.go, stackmap: count, bits a row, rows). A slot is one argument's alone, so
 * what it is once it always is; a pointer that is dead at every call is in no row.
 */
export function readPointerWords(memory: MemoryReader, stackmap: Address): ReadonlySet<number> {
  const words = new Set<number>()
  const [rows, bits] = [readU32(memory, stackmap), readU32(memory, (stackmap + 4) as Address)]
  if (rows === undefined || bits === undefined || rows > ROWS_MAX || bits > WORDS_MAX) return words
  const width = Math.ceil(bits / 8)
  const at = offsetAddress(stackmap, 8)
  const bytes = at === undefined || rows * width === 0 ? undefined : memory.read(at, rows * width)
  for (let index = 0; bytes && index < bytes.length; index++) {
    const byte = bytes[index] as number
    const first = (index % width) * 8
    for (let bit = 0; byte !== 0 && bit < 8; bit++) if (Math.floor(byte / 2 ** bit) % 2 === 1) words.add(first + bit)
  }
  return words
}

/** Far beyond what a compiler writes; the counts are those of a file. */
const ROWS_MAX = 65_536
const WORDS_MAX = 4096
const WORD_SIZE = 8

/** The arguments that a FUNCDATA_ArgInfo program describes. */
export function parseArguments(
  program: Uint8Array,
  liveness: ArgLiveness | undefined,
  pointers: ReadonlySet<number>,
): GoArgument[] {
  const stack: GoArgument[][] = [[]]
  let slot = 0
  for (let index = 0; index < program.length; index++) {
    const op = program[index] as number
    const open = stack.at(-1) as GoArgument[]
    switch (op) {
      case ARG_MARK.end:
        return stack[0] as GoArgument[]
      case ARG_MARK.startGroup: {
        const parts: GoArgument[] = []
        open.push({kind: 'group', parts})
        stack.push(parts)
        break
      }
      case ARG_MARK.endGroup:
        if (stack.length > 1) stack.pop()
        break
      case ARG_MARK.more:
        open.push({kind: 'more'})
        break
      case ARG_MARK.far:
        open.push({kind: 'far'})
        break
      default: {
        const size = program[++index] ?? WORD_SIZE
        open.push({
          kind: 'word',
          offset: op,
          size,
          isLive: liveness?.bitmap && isLive(liveness, op, slot),
          isPointer: size === WORD_SIZE && op % WORD_SIZE === 0 && pointers.has(op / WORD_SIZE),
        })
        if (op >= (liveness?.firstOffset ?? 0xff)) slot++
      }
    }
  }
  return stack[0] as GoArgument[]
}

/** Up to 1.16: the words of the area that arguments and results share (`_func.args` bytes; unknown where negative). */
export function argumentWords(size: number, pointers: ReadonlySet<number>, most: number): GoArgument[] {
  const count = size < 0 ? 0 : Math.floor(size / WORD_SIZE)
  const words = Array.from(
    {length: Math.min(count, most)},
    (_, index): GoArgument => ({
      kind: 'word',
      offset: index * WORD_SIZE,
      size: WORD_SIZE,
      isLive: undefined,
      isPointer: pointers.has(index),
    }),
  )
  return count > most ? [...words, {kind: 'more'}] : words
}

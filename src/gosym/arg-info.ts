import {type Address, hex, offsetAddress} from '../base/address.ts'
import {type MemoryReader, readNumber64, readU8} from '../base/memory-reader.ts'

/** Bytes of a FUNCDATA_ArgInfo program that are not an offset (internal/abi/symtab.go, `TraceArgs…`; 1.17+). */
export const ARG_MARK = {end: 0xff, startGroup: 0xfe, endGroup: 0xfd, more: 0xfc, far: 0xfb} as const
/** What the bytes that stand for no value print. */
const ARG_MARKS: Readonly<Record<number, string>> = {
  [ARG_MARK.startGroup]: '{',
  [ARG_MARK.endGroup]: '}',
  [ARG_MARK.more]: '...',
  [ARG_MARK.far]: '_',
}
/** The compiler's bound: 10 components, 5 levels, three bytes each way. */
const PROGRAM_LIMIT = 171

/**
 * Which spill slots hold their argument at one pc (FUNCDATA_ArgLiveInfo at the index of PCDATA_ArgLiveIndex; 1.18+).
 */
export interface ArgLiveness {
  /** Components below this offset are always live. */
  firstOffset: number
  /** A bit for each component at or above it; undefined where all are live. */
  bitmap: Uint8Array | undefined
}

const WORD_SIZE = 8
/** Before 1.17 every traceback stops after ten words. */
const WORD_LIMIT = 10

/** The program at `address`, its end byte included; undefined where it does not end within the compiler's bound. */
export function readArgProgram(memory: MemoryReader, address: Address): Uint8Array | undefined {
  const program: number[] = []
  for (let index = 0; index < PROGRAM_LIMIT; ) {
    const byte = byteAt(memory, address, index++)
    if (byte === undefined) return undefined
    program.push(byte)
    if (byte === ARG_MARK.end) return Uint8Array.from(program)
    if (byte < ARG_MARK.far) {
      const size = byteAt(memory, address, index++)
      if (size === undefined) return undefined
      program.push(size)
    }
  }
  return undefined
}

function byteAt(memory: MemoryReader, address: Address, offset: number): number | undefined {
  const at = offsetAddress(address, offset)
  return at === undefined ? undefined : readU8(memory, at)
}

/** Reads what the runtime looks at when it decides about `?` (runtime/traceback.go, printArgs). */
export function readArgLiveness(memory: MemoryReader, info: Address, index: number): ArgLiveness | undefined {
  const firstOffset = readU8(memory, info)
  if (firstOffset === undefined) return undefined
  if (index <= 0) return {firstOffset, bitmap: undefined}
  const at = offsetAddress(info, index)
  // At most ten components, so two bytes; the second may be past the table where one is enough.
  const bitmap = at === undefined ? undefined : (memory.read(at, 2) ?? memory.read(at, 1))
  return {firstOffset, bitmap: bitmap?.slice()}
}

/** An argument list without its values; the same for every frame at one pc. */
export interface ArgTemplate {
  values: readonly {before: string; offset: number; size: number; isLive: boolean}[]
  after: string
}

/** What printArgs prints around the values when it runs a program. */
export function makeArgTemplate(program: Uint8Array, liveness: ArgLiveness | undefined): ArgTemplate {
  const values: {before: string; offset: number; size: number; isLive: boolean}[] = []
  let text = ''
  let first = true
  let slot = 0
  for (let index = 0; index < program.length; index++) {
    const op = program[index] as number
    if (op === ARG_MARK.end) break
    if (op !== ARG_MARK.endGroup && !first) text += ', '
    first = op === ARG_MARK.startGroup
    const mark = ARG_MARKS[op]
    if (mark !== undefined) {
      text += mark
      continue
    }
    index++
    values.push({before: text, offset: op, size: program[index] ?? WORD_SIZE, isLive: isLive(liveness, op, slot)})
    text = ''
    if (op >= (liveness?.firstOffset ?? 0xff)) slot++
  }
  return {values, after: text}
}

/**
 * Puts in the values of the frame whose arguments start at `base`. A value whose memory is missing reads `?`: the
 * runtime could always read it.
 */
export function renderArgs({values, after}: ArgTemplate, base: Address, memory: MemoryReader): string {
  let text = ''
  for (let index = 0; index < values.length; index++) {
    const {before, offset, size, isLive} = values[index] as ArgTemplate['values'][number]
    const value = readValue(memory, base, offset, size)
    text += before + (value ?? '?')
    if (value !== undefined && !isLive) text += '?'
  }
  return text + after
}

/** Reads the values alone, in their order; false where memory of one is missing. */
export function readArgs({values}: ArgTemplate, base: Address, memory: MemoryReader, to: string[]): boolean {
  for (let index = 0; index < values.length; index++) {
    const {offset, size} = values[index] as ArgTemplate['values'][number]
    const value = readValue(memory, base, offset, size)
    if (value === undefined) return false
    to.push(value)
  }
  return true
}

/** The list with these texts for its values. */
export function argsWith({values, after}: ArgTemplate, textOf: (index: number) => string): string {
  const parts = values.map(({before, isLive}, index) => `${before}${textOf(index)}${isLive ? '' : '?'}`)
  return parts.join('') + after
}

export function isLive(liveness: ArgLiveness | undefined, offset: number, slot: number): boolean {
  if (!liveness?.bitmap || offset < liveness.firstOffset) return true
  const byte = liveness.bitmap[Math.floor(slot / 8)] ?? 0xff
  return Math.floor(byte / 2 ** (slot % 8)) % 2 === 1
}

/** Up to 1.16: the words of the argument and result area, without their types. */
export function makeWordTemplate(argsSize: number): ArgTemplate {
  // An unknown size is negative, which the runtime takes for a very large one.
  const count = argsSize < 0 ? Number.POSITIVE_INFINITY : Math.floor(argsSize / WORD_SIZE)
  const values = Array.from({length: Math.min(count, WORD_LIMIT)}, (_, index) => {
    return {before: index === 0 ? '' : ', ', offset: index * WORD_SIZE, size: WORD_SIZE, isLive: true}
  })
  return {values, after: count > WORD_LIMIT ? ', ...' : ''}
}

/** `size` bytes, little-endian and zero-extended, as hex. */
function readValue(memory: MemoryReader, base: Address, offset: number, size: number): string | undefined {
  const at = offsetAddress(base, offset)
  const width = Math.min(size, WORD_SIZE)
  if (width === WORD_SIZE && at !== undefined) {
    const value = readNumber64(memory, at)
    if (value === undefined) return undefined
    if (value <= Number.MAX_SAFE_INTEGER) return hex(value)
  }
  const bytes = at === undefined ? undefined : memory.read(at, width)
  if (!bytes) return undefined
  let low = 0
  let high = 0
  for (let index = width - 1; index >= 4; index--) high = high * 0x100 + (bytes[index] as number)
  for (let index = Math.min(width, 4) - 1; index >= 0; index--) low = low * 0x100 + (bytes[index] as number)
  return high === 0 ? `0x${low.toString(16)}` : `0x${high.toString(16)}${low.toString(16).padStart(8, '0')}`
}
